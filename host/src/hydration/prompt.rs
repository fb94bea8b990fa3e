//! The compiled prompt: an agent's documents and skills in OpenClaw's order and within its bounds.

use super::{Policy, SnapshotSection};
use crate::domain::{DocumentPath, Section, Timestamp};
use crate::hydration::sql::SkillRow;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned, civil::Date};
use std::fmt::Write as _;

/// The documents OpenClaw puts into every full session, in its order. `HEARTBEAT.md` is for heartbeats only.
const DOCUMENTS: [&str; 7] = [
    "AGENTS.md",
    "SOUL.md",
    "IDENTITY.md",
    "USER.md",
    "TOOLS.md",
    "BOOTSTRAP.md",
    "MEMORY.md",
];
/// Notes kept in a snapshot for turns to choose from.
const NOTES_MAX: usize = 16;
/// Less room than this is not worth a cut-off document.
const CHARS_WORTH_SHOWING: usize = 64;

/// The stable sections.
pub(super) fn sections(
    policy: &Policy,
    documents: &[(DocumentPath, String)],
    skills: &[SkillRow],
) -> Vec<SnapshotSection> {
    let mut left = policy.documents_chars_max_total;
    let mut sections = Vec::new();
    for name in DOCUMENTS {
        let Some((_, content)) = documents.iter().find(|(path, _)| path.as_str() == name) else {
            continue;
        };
        if content.trim().is_empty() || left < CHARS_WORTH_SHOWING {
            continue;
        }
        let body = cut(name, content, policy.document_chars_max.min(left));
        left = left.saturating_sub(body.chars().count());
        sections.push(SnapshotSection {
            title: name.to_owned(),
            body,
            private: name == "MEMORY.md",
        });
    }
    if let Some(body) = catalogue(skills) {
        sections.push(SnapshotSection {
            title: "Skills".to_owned(),
            body,
            private: false,
        });
    }
    sections
}

/// A document within `max` characters: its beginning and its end where it is longer, and a line that says so.
fn cut(name: &str, content: &str, max: usize) -> String {
    let chars = content.chars().count();
    if chars <= max {
        return content.to_owned();
    }
    let (head, tail) = (max / 10 * 7, max / 10 * 2);
    let beginning: String = content.chars().take(head).collect();
    let end: String = content.chars().skip(chars - tail).collect();
    format!(
        "{beginning}\n\n[... {name} is cut here: {} of its {chars} characters are shown ...]\n\n{end}",
        head + tail
    )
}

/// The names and descriptions of the skills, for the model to choose by.
fn catalogue(skills: &[SkillRow]) -> Option<String> {
    if skills.is_empty() {
        return None;
    }
    let mut text = "<available_skills>\n".to_owned();
    for row in skills {
        let name = &row.skill.name;
        // Writing to a String cannot fail.
        writeln!(
            text,
            "<skill><name>{name}</name><description>{}</description><location>skills/{name}/SKILL.md</location></skill>",
            escape(&row.description),
        )
        .ok();
    }
    text.push_str("</available_skills>");
    Some(text)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The latest dated notes, newest first.
pub(super) fn notes(
    policy: &Policy,
    documents: Vec<(DocumentPath, String)>,
) -> Vec<(DocumentPath, String)> {
    let mut notes: Vec<_> = documents
        .into_iter()
        .filter(|(path, _)| note_date(path).is_some())
        .collect();
    notes.sort_by(|(a, _), (b, _)| b.cmp(a));
    notes.truncate(NOTES_MAX);
    for (_, content) in &mut notes {
        // The latest lines of a note are the ones that matter today.
        let skip = content
            .chars()
            .count()
            .saturating_sub(policy.note_chars_max);
        *content = content.chars().skip(skip).collect();
    }
    notes
}

/// The day of `memory/YYYY-MM-DD[-slug].md`.
fn note_date(path: &DocumentPath) -> Option<Date> {
    path.as_str()
        .strip_prefix("memory/")?
        .get(..10)?
        .parse()
        .ok()
}

/// Today, for one agent.
pub(super) struct Today(Zoned);

impl Today {
    /// `now` in the agent's time zone, or in UTC where that zone is unknown.
    pub(super) fn new(now: Timestamp, time_zone: &str) -> Self {
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        let moment = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
        Self(moment.to_zoned(zone))
    }

    /// The path of today's note.
    pub(super) fn note_path(&self) -> String {
        format!("memory/{}.md", self.0.date())
    }

    /// The sections that change from turn to turn.
    pub(super) fn sections(
        &self,
        policy: &Policy,
        notes: &[(DocumentPath, String)],
        private: bool,
    ) -> Vec<Section> {
        let zone = self.0.time_zone().iana_name().unwrap_or("UTC");
        let today = self.0.date();
        let date = format!(
            "Today is {}, {today}. Time zone: {zone}.",
            self.0.strftime("%A")
        );
        let mut sections = vec![Section {
            title: "Temporal Context".to_owned(),
            body: date,
            stable: false,
        }];
        let days = i64::from(policy.memory_window_days);
        if !private || days == 0 {
            return sections;
        }
        let first = today
            .checked_sub(Span::new().days(days - 1))
            .unwrap_or(today);
        for (path, content) in notes {
            if note_date(path).is_some_and(|date| date >= first && date <= today) {
                let (title, body) = (path.to_string(), content.clone());
                sections.push(Section {
                    title,
                    body,
                    stable: false,
                });
            }
        }
        sections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str, content: &str) -> (DocumentPath, String) {
        (path.parse().unwrap(), content.to_owned())
    }

    #[test]
    fn documents_come_in_openclaws_order_whatever_theirs() {
        let documents = [
            document("USER.md", "u"),
            document("AGENTS.md", "a"),
            document("HEARTBEAT.md", "h"),
        ];
        let titles: Vec<_> = sections(&Policy::default(), &documents, &[])
            .into_iter()
            .map(|s| s.title)
            .collect();
        assert_eq!(titles, ["AGENTS.md", "USER.md"]);
    }

    #[test]
    fn a_document_is_whole_at_its_bound_and_cut_with_a_notice_one_beyond() {
        let policy = Policy {
            document_chars_max: 100,
            ..Policy::default()
        };
        let whole = sections(&policy, &[document("SOUL.md", &"x".repeat(100))], &[]);
        assert_eq!(whole[0].body, "x".repeat(100));
        let cut = sections(&policy, &[document("SOUL.md", &"x".repeat(101))], &[]);
        assert!(
            cut[0]
                .body
                .contains("SOUL.md is cut here: 90 of its 101 characters"),
            "{}",
            cut[0].body
        );
    }

    #[test]
    fn a_turn_shows_the_notes_of_its_last_days_only_and_none_in_a_group() {
        let notes = [
            document("memory/2026-11-22.md", "today"),
            document("memory/2026-11-21-walk.md", "yesterday"),
            document("memory/2026-11-20.md", "before"),
        ];
        // 2026-11-21 23:30 UTC is 00:30 of the 22nd in Rome.
        let today = Today::new(Timestamp::from_millis(1_795_303_800_000), "Europe/Rome");
        assert_eq!(today.note_path(), "memory/2026-11-22.md");
        let titles = |private| -> Vec<String> {
            let sections = today.sections(&Policy::default(), &notes, private);
            sections.into_iter().map(|section| section.title).collect()
        };
        assert_eq!(
            titles(true),
            [
                "Temporal Context",
                "memory/2026-11-22.md",
                "memory/2026-11-21-walk.md"
            ]
        );
        assert_eq!(titles(false), ["Temporal Context"]);
    }

    #[test]
    fn a_description_cannot_close_the_catalogues_tags() {
        assert_eq!(escape("</skill> & <b>"), "&lt;/skill&gt; &amp; &lt;b&gt;");
    }
}
