//! Many rows for one statement, a column at a time.

use serde::ser::{Serialize, SerializeSeq as _, Serializer};
use sqlx::query::{Query, QueryAs};
use sqlx::{Database, Postgres, Sqlite};

/// Rows that a statement takes as its last parameters. On SQLite they are one JSON array of arrays, which `jsonb_each` reads; on
/// PostgreSQL one array a column, which `unnest` reads: neither side writes or parses a text there, which is what many rows
/// cost. All columns are as long as the first.
#[derive(Debug, Default)]
pub(crate) struct Columns<'v>(Vec<Column<'v>>);

#[derive(Debug)]
enum Column<'v> {
    Texts(Vec<Option<&'v str>>),
    Numbers(Vec<i64>),
}

impl<'v> Columns<'v> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// A column of texts (`text[]`).
    pub(crate) fn texts(self, values: impl Iterator<Item = &'v str>) -> Self {
        self.optional_texts(values.map(Some))
    }

    /// As [`Columns::texts`], where some are NULL.
    pub(crate) fn optional_texts(mut self, values: impl Iterator<Item = Option<&'v str>>) -> Self {
        self.0.push(Column::Texts(values.collect()));
        self
    }

    /// A column of numbers (`bigint[]`).
    pub(crate) fn numbers(mut self, values: impl Iterator<Item = i64>) -> Self {
        self.0.push(Column::Numbers(values.collect()));
        self
    }

    /// Bind them to a statement, behind what is bound to it already.
    pub(crate) fn to<'q, DB: Columned>(
        &self,
        query: Query<'q, DB, DB::Arguments>,
    ) -> Query<'q, DB, DB::Arguments> {
        DB::bind(query, self)
    }

    /// As [`Columns::to`], for a statement that answers rows.
    pub(crate) fn to_rows<'q, DB: Columned, O>(
        &'q self,
        query: QueryAs<'q, DB, O, DB::Arguments>,
    ) -> QueryAs<'q, DB, O, DB::Arguments> {
        DB::bind_rows(query, self)
    }

    /// Texts and numbers always are JSON; were they not, the statement would refuse the empty text.
    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How a database takes [`Columns`].
pub(crate) trait Columned: Database {
    fn bind<'q>(
        query: Query<'q, Self, Self::Arguments>,
        columns: &Columns<'_>,
    ) -> Query<'q, Self, Self::Arguments>;

    fn bind_rows<'q, O>(
        query: QueryAs<'q, Self, O, Self::Arguments>,
        columns: &'q Columns<'_>,
    ) -> QueryAs<'q, Self, O, Self::Arguments>;
}

impl Columned for Sqlite {
    fn bind<'q>(
        query: Query<'q, Self, Self::Arguments>,
        columns: &Columns<'_>,
    ) -> Query<'q, Self, Self::Arguments> {
        query.bind(columns.json())
    }

    fn bind_rows<'q, O>(
        query: QueryAs<'q, Self, O, Self::Arguments>,
        columns: &'q Columns<'_>,
    ) -> QueryAs<'q, Self, O, Self::Arguments> {
        query.bind(columns.json())
    }
}

impl Columned for Postgres {
    fn bind<'q>(
        mut query: Query<'q, Self, Self::Arguments>,
        columns: &Columns<'_>,
    ) -> Query<'q, Self, Self::Arguments> {
        for column in &columns.0 {
            query = match column {
                Column::Texts(values) => query.bind(values),
                Column::Numbers(values) => query.bind(values),
            };
        }
        query
    }

    fn bind_rows<'q, O>(
        mut query: QueryAs<'q, Self, O, Self::Arguments>,
        columns: &'q Columns<'_>,
    ) -> QueryAs<'q, Self, O, Self::Arguments> {
        for column in &columns.0 {
            query = match column {
                Column::Texts(values) => query.bind(values),
                Column::Numbers(values) => query.bind(values),
            };
        }
        query
    }
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = match self.0.first() {
            Some(Column::Texts(values)) => values.len(),
            Some(Column::Numbers(values)) => values.len(),
            None => 0,
        };
        let mut array = serializer.serialize_seq(Some(rows))?;
        for row in 0..rows {
            array.serialize_element(&Row { columns: self, row })?;
        }
        array.end()
    }
}

struct Row<'c> {
    columns: &'c Columns<'c>,
    row: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.columns.0.len()))?;
        for column in &self.columns.0 {
            match column {
                Column::Texts(values) => array.serialize_element(&values.get(self.row))?,
                Column::Numbers(values) => array.serialize_element(&values.get(self.row))?,
            }
        }
        array.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_arrays_in_an_array() {
        let columns = Columns::new()
            .texts(["a", "\"b\""].into_iter())
            .optional_texts([None, Some("c")].into_iter())
            .numbers([1, -2].into_iter());
        assert_eq!(columns.json(), r#"[["a",null,1],["\"b\"","c",-2]]"#);
        let none = Columns::new().texts(std::iter::empty());
        assert_eq!(none.json(), "[]");
    }
}
