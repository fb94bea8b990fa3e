//! The agent's memory: dated notes and `MEMORY.md`, which are workspace documents.
//!
//! Search is by words: a paragraph scores by how often it has the words that few paragraphs have. It reads the
//! latest 200 documents, at most 4 million characters of them; no index is kept.

use crate::domain::{Digest, DocumentPath, Lease, MemoryHit, Timestamp};
use crate::store::{StoreError, Tx, on_tx, without_nul};
use std::collections::HashMap;

/// A note grows to this many bytes; then its day goes on in another one (`memory/2026-11-22-2.md`).
const NOTE_BYTES_MAX: usize = 256 << 10;
/// The most notes of one day.
const NOTES_A_DAY: u32 = 100;
/// The most documents one search reads.
const DOCUMENTS_MAX: i64 = 200;
/// The most characters one search reads.
const SEARCHED_CHARS_MAX: i64 = 4 << 20;
/// The most different words of one query that count.
const TERMS_MAX: usize = 32;

/// Append what a turn wrote to today's note, and let the compiled prompt be built anew.
///
/// # Errors
/// Where the database does not answer.
pub async fn append(
    tx: &mut Tx,
    lease: &Lease,
    now: Timestamp,
    note: &DocumentPath,
    texts: &[String],
) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO workspace_documents (tenant_id, agent_key, path, content, content_hash, version, updated_at)
        VALUES ($1, $2, $3, $4, $5, 1, $6)
        ON CONFLICT (tenant_id, agent_key, path) DO UPDATE SET
            content = excluded.content, content_hash = excluded.content_hash,
            version = workspace_documents.version + 1, updated_at = excluded.updated_at";
    const STALE: &str = "
        UPDATE agent_profiles SET snapshot_digest = NULL, content_version = content_version + 1
        WHERE tenant_id = $1 AND agent_key = $2";
    if texts.is_empty() {
        return Ok(());
    }
    let added: String = texts
        .iter()
        .map(|text| format!("{}\n", without_nul(text.trim_end())))
        .collect();
    // First of all: it locks the agent, so that two turns that append at once do so one after the other.
    on_tx!(tx, |conn| {
        sqlx::query(STALE)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .execute(conn)
            .await
            .map(drop)
    })?;
    let (path, before) = room_for(tx, lease, note, added.len()).await?;
    let content = before + &added;
    on_tx!(tx, |conn| {
        sqlx::query(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(&path)
            .bind(&content)
            .bind(Digest::of(content.as_bytes()).to_string())
            .bind(now)
            .execute(conn)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// The first note of the day with room for `bytes` more, and what it holds.
async fn room_for(
    tx: &mut Tx,
    lease: &Lease,
    note: &DocumentPath,
    bytes: usize,
) -> Result<(String, String), StoreError> {
    let stem = note.as_str().trim_end_matches(".md");
    let mut path = note.as_str().to_owned();
    for number in 2..=NOTES_A_DAY {
        let content = content(tx, lease, &path).await?.unwrap_or_default();
        if content.is_empty() || content.len() + bytes <= NOTE_BYTES_MAX {
            return Ok((path, content));
        }
        path = format!("{stem}-{number}.md");
    }
    // The day's last note takes the rest: a written memory is never dropped.
    let content = content(tx, lease, &path).await?.unwrap_or_default();
    Ok((path, content))
}

async fn content(tx: &mut Tx, lease: &Lease, path: &str) -> Result<Option<String>, StoreError> {
    const SQL: &str = "
        SELECT content FROM workspace_documents WHERE tenant_id = $1 AND agent_key = $2 AND path = $3";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_scalar(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(path)
            .fetch_optional(conn)
            .await
    })?)
}

/// Up to `lines` lines of a memory document from line `start` (1-based); none where there is no such document.
///
/// # Errors
/// Where the database does not answer.
pub async fn read(
    tx: &mut Tx,
    lease: &Lease,
    path: &DocumentPath,
    start: u32,
    lines: u32,
) -> Result<Option<String>, StoreError> {
    if !path.is_memory() {
        return Ok(None);
    }
    let Some(content) = content(tx, lease, path.as_str()).await? else {
        return Ok(None);
    };
    let skip = usize::try_from(start.saturating_sub(1)).unwrap_or(usize::MAX);
    let take = usize::try_from(lines).unwrap_or(usize::MAX);
    Ok(Some(
        content
            .lines()
            .skip(skip)
            .take(take)
            .collect::<Vec<_>>()
            .join("\n"),
    ))
}

/// What a search looks through: `MEMORY.md`, then the latest notes, as far as they are within the bounds.
///
/// # Errors
/// Where the database does not answer.
pub async fn documents(
    tx: &mut Tx,
    lease: &Lease,
) -> Result<Vec<(DocumentPath, String)>, StoreError> {
    const SQL: &str = "
        SELECT path, content FROM (
            SELECT path, content, place, SUM(length(content)) OVER (ORDER BY place, path DESC) AS so_far
            FROM (SELECT path, content, CASE WHEN path = 'MEMORY.md' THEN 0 ELSE 1 END AS place
                  FROM workspace_documents
                  WHERE tenant_id = $1 AND agent_key = $2
                    AND (path = 'MEMORY.md' OR substr(path, 1, 7) = 'memory/')
                  ORDER BY place, path DESC LIMIT $3) AS latest
        ) AS counted WHERE so_far <= $4 ORDER BY place, path DESC";
    Ok(on_tx!(tx, |conn| {
        sqlx::query_as(SQL)
            .bind(&lease.tenant_id)
            .bind(&lease.agent_key)
            .bind(DOCUMENTS_MAX)
            .bind(SEARCHED_CHARS_MAX)
            .fetch_all(conn)
            .await
    })?)
}

/// Score every paragraph of `documents` by the words of `query`: the best hits first, at most `limit`. Takes as long as
/// the documents are large, so it is not for a thread that others wait on.
#[must_use]
pub fn rank(documents: &[(DocumentPath, String)], query: &str, limit: u32) -> Vec<MemoryHit> {
    let mut terms: Vec<String> = words(query).collect();
    terms.sort();
    terms.dedup();
    terms.truncate(TERMS_MAX);
    let paragraphs: Vec<Paragraph<'_>> = documents
        .iter()
        .flat_map(|(path, content)| paragraphs(path, content))
        .collect();
    let mut holders: HashMap<&str, f32> = HashMap::new();
    let counts: Vec<HashMap<String, f32>> = paragraphs
        .iter()
        .map(|paragraph| {
            let mut counts = HashMap::new();
            for word in words(&paragraph.text) {
                *counts.entry(word).or_insert(0.0) += 1.0;
            }
            counts
        })
        .collect();
    for term in &terms {
        let holding = counts
            .iter()
            .filter(|counts| counts.contains_key(term))
            .count();
        holders.insert(term, bounded(holding));
    }
    let all = bounded(paragraphs.len());
    let mut hits: Vec<MemoryHit> = paragraphs
        .into_iter()
        .zip(&counts)
        .filter_map(|(paragraph, counts)| {
            let score: f32 = terms
                .iter()
                .filter_map(|term| {
                    let count = counts.get(term)?;
                    let rare = (1.0 + all / holders.get(term.as_str())?).ln();
                    Some(rare * count / (count + 1.0))
                })
                .sum();
            (score > 0.0).then(|| MemoryHit {
                path: paragraph.path.clone(),
                line: paragraph.line,
                text: paragraph.text,
                score,
            })
        })
        .collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    hits
}

/// A count as a number to weigh with; exact up to 65,535, more than a search ever sees matter.
fn bounded(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

struct Paragraph<'d> {
    path: &'d DocumentPath,
    line: u32,
    text: String,
}

/// Runs of lines between blank ones.
fn paragraphs<'d>(path: &'d DocumentPath, content: &str) -> Vec<Paragraph<'d>> {
    let mut found: Vec<Paragraph<'d>> = Vec::new();
    let mut open = false;
    for (text, line) in content.lines().zip(1..) {
        if text.trim().is_empty() {
            open = false;
        } else if let (true, Some(last)) = (open, found.last_mut()) {
            last.text.push('\n');
            last.text.push_str(text);
        } else {
            found.push(Paragraph {
                path,
                line,
                text: text.to_owned(),
            });
            open = true;
        }
    }
    found
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Vec<(DocumentPath, String)> {
        let note = "# Friday\n\nThe bread needs salt.\nAnd time.\n\nThe bread is done.\n";
        vec![
            ("memory/2026-11-20.md".parse().unwrap(), note.to_owned()),
            ("MEMORY.md".parse().unwrap(), "Ada likes rye.\n".to_owned()),
        ]
    }

    #[test]
    fn the_paragraph_with_the_rarer_word_comes_first_with_its_line() {
        let hits = rank(&documents(), "bread salt", 10);
        assert_eq!(hits.len(), 2);
        assert_eq!(
            (hits[0].line, hits[0].text.as_str()),
            (3, "The bread needs salt.\nAnd time.")
        );
        assert!(hits[0].score > hits[1].score);
    }

    #[test]
    fn a_search_gives_no_more_than_its_limit_and_nothing_for_no_words() {
        assert_eq!(rank(&documents(), "bread", 1).len(), 1);
        assert!(rank(&documents(), " ?! ", 10).is_empty());
        assert!(rank(&documents(), "wheat", 10).is_empty());
    }
}
