use super::ApiError;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

/// What stands behind the `?`.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(read)| Self(read))
            .map_err(|rejection| {
                let text = rejection.body_text();
                let said = text.rsplit_once("query string: ");
                let said = said.map_or(text.as_str(), |(_, said)| said);
                ApiError::Invalid(format!("the query is refused: {said}"))
            })
    }
}

/// The most items of one page.
pub const PAGE_MAX: u32 = 100;
const PAGE: u32 = 50;

/// Which part of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// How many items at most, 1 to 100; 50 where it is left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

impl Paging {
    /// How many items at most.
    ///
    /// # Errors
    /// Where it is out of its bounds.
    pub fn limit(&self) -> Result<u32, ApiError> {
        page_limit(self.limit)
    }

    /// Where to go on; none for the first page.
    ///
    /// # Errors
    /// Where it is no cursor of this list.
    pub fn cursor<C: std::str::FromStr>(&self) -> Result<Option<C>, ApiError> {
        page_cursor(self.cursor.as_deref())
    }
}

/// Where to go on, where this is sent; none for the first page.
pub(super) fn page_cursor<C: std::str::FromStr>(sent: Option<&str>) -> Result<Option<C>, ApiError> {
    let wrong =
        || ApiError::Invalid("cursor must be the nextCursor of a page of this list".to_owned());
    sent.map(|cursor| cursor.parse().map_err(|_| wrong()))
        .transpose()
}

/// The number of items a page has, where this many are asked for.
pub(super) fn page_limit(asked: Option<u32>) -> Result<u32, ApiError> {
    match asked {
        None => Ok(PAGE),
        Some(limit @ 1..=PAGE_MAX) => Ok(limit),
        Some(_) => Err(ApiError::Invalid(format!(
            "limit must be 1 to {PAGE_MAX} items"
        ))),
    }
}

/// Cuts what was read for one page and one item more; answers the cursor of the next page where there is one.
pub(super) fn next_cursor<T>(
    items: &mut Vec<T>,
    limit: u32,
    cursor: impl Fn(&T) -> String,
) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    more.then(|| items.last().map(cursor)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_to_a_hundred_items() {
        assert_eq!(page_limit(None).unwrap(), 50);
        assert_eq!(page_limit(Some(1)).unwrap(), 1);
        assert_eq!(page_limit(Some(100)).unwrap(), 100);
        for beyond in [0, 101] {
            let error = page_limit(Some(beyond)).unwrap_err();
            assert_eq!(error.to_string(), "limit must be 1 to 100 items");
        }
    }

    #[test]
    fn only_a_page_that_is_not_the_last_has_a_cursor() {
        let mut items = vec![1, 2, 3];
        assert_eq!(
            next_cursor(&mut items, 2, i32::to_string),
            Some("2".to_owned())
        );
        assert_eq!(items, [1, 2]);
        assert_eq!(next_cursor(&mut items, 2, i32::to_string), None);
    }
}
