//! Who the agent is and whom it talks to, as the workspace documents in the prompt say.

use agent_factory_sdk::turn::Section;

/// What the voice needs to know; an empty workspace gives a nameless agent.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Persona {
    /// The agent's name.
    pub(crate) name: Option<String>,
    /// Its sign.
    pub(crate) emoji: Option<String>,
    /// How it comes across.
    pub(crate) vibe: Option<String>,
    /// What the person wants to be called.
    pub(crate) person: Option<String>,
}

impl Persona {
    /// Reads `IDENTITY.md` and `USER.md` where the prompt has them.
    pub(crate) fn read(prompt: &[Section]) -> Self {
        let identity = document(prompt, "IDENTITY.md");
        let user = document(prompt, "USER.md");
        Self {
            name: line(identity, &["name"]),
            emoji: line(identity, &["emoji"]),
            vibe: line(identity, &["vibe", "theme", "creature"]),
            person: line(user, &["what to call them", "preferred name", "name"]),
        }
    }
}

/// The body of a document; empty where there is none.
fn document<'a>(prompt: &'a [Section], name: &str) -> &'a str {
    let section = prompt.iter().find(|section| {
        let file = section.title.rsplit('/').next().unwrap_or_default();
        file.eq_ignore_ascii_case(name)
    });
    section.map_or("", |section| section.body.as_str())
}

/// The first label of these that has a value. Labels are compared without regard to case.
fn line(body: &str, labels: &[&str]) -> Option<String> {
    labels.iter().find_map(|label| {
        body.lines()
            .filter_map(labelled)
            .find_map(|(found, value)| found.eq_ignore_ascii_case(label).then(|| value.to_owned()))
    })
}

/// The parts of a line such as `- Name: Ada` or `- **Name:** Ada`; none for a template's
/// placeholder such as `_(pick one)_`.
fn labelled(line: &str) -> Option<(&str, &str)> {
    let item = line
        .trim()
        .strip_prefix(['-', '*'])
        .filter(|rest| rest.starts_with(' '))?;
    let (label, value) = item.split_once(':')?;
    let is_mark = |c: char| c == '*' || c == '_' || c.is_whitespace();
    let (label, value) = (label.trim_matches(is_mark), value.trim_matches(is_mark));
    let is_placeholder = value.is_empty() || value.starts_with(['(', '[', '<']);
    (!is_placeholder).then_some((label, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(title: &str, body: &str) -> Section {
        Section {
            title: title.to_owned(),
            body: body.to_owned(),
            stable: true,
        }
    }

    #[test]
    fn labels_are_found_in_plain_and_in_bold_lines() {
        let prompt = [
            section(
                "IDENTITY.md",
                "# Who I am\n\n- Name: Ada\n- **Emoji:** 🦉\n- **vibe**: warm, dry\n",
            ),
            section(
                "USER.md",
                "- **Name:** Samira Okafor\n- What to call them: Sam\n",
            ),
        ];
        let persona = Persona {
            name: Some("Ada".to_owned()),
            emoji: Some("🦉".to_owned()),
            vibe: Some("warm, dry".to_owned()),
            person: Some("Sam".to_owned()),
        };
        assert_eq!(Persona::read(&prompt), persona);
    }

    #[test]
    fn placeholders_of_a_template_are_ignored() {
        let body = "- **Name:** _(pick something you like)_\n- Emoji:\n- Creature: owl\n";
        let persona = Persona::read(&[section("IDENTITY.md", body)]);
        assert_eq!(
            persona,
            Persona {
                vibe: Some("owl".to_owned()),
                ..Persona::default()
            }
        );
    }

    #[test]
    fn without_documents_nobody_has_a_name() {
        let persona = Persona::read(&[section("SOUL.md", "- Name: not here")]);
        assert_eq!(persona, Persona::default());
    }
}
