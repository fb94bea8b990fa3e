//! Lists that come in pages.

use super::client::Client;
use serde_json::Value;

/// The most items of one page.
const PAGE_MAX: u64 = 100;

/// Give each item of a list to `show`, page by page, at most `most`; answers whether there are more.
///
/// # Errors
/// Where a page is not to be had, or `show` fails.
pub(super) async fn each(
    client: &Client,
    path: &[&str],
    query: &[(&str, &str)],
    items: &str,
    most: u64,
    mut show: impl FnMut(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let (mut left, mut cursor) = (most, None);
    while left > 0 {
        let limit = left.min(PAGE_MAX).to_string();
        let mut query = query.to_vec();
        query.push(("limit", &limit));
        query.extend(cursor.as_deref().map(|at| ("cursor", at)));
        let page = client.get(path, &query).await?;
        let shown = page.get(items).and_then(Value::as_array);
        for item in shown.into_iter().flatten() {
            show(item)?;
            left = left.saturating_sub(1);
        }
        let next = page.get("nextCursor").and_then(Value::as_str);
        let Some(next) = next else {
            return Ok(false);
        };
        cursor = Some(next.to_owned());
    }
    Ok(true)
}
