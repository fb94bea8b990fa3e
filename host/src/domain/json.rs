//! How durations and bytes are written in JSON: whole milliseconds, base64.

/// A duration as whole milliseconds. What is less than one is dropped; the longest is some 584 million years.
pub mod millis {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use std::time::Duration;

    /// As `#[serde(with)]` calls it.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    /// As `#[serde(with)]` calls it.
    ///
    /// # Errors
    /// Where there is no whole number.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// As [`millis`], of a duration that may be missing.
pub mod optional_millis {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use std::time::Duration;

    /// As `#[serde(with)]` calls it.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::millis::serialize(duration, to),
            None => to.serialize_none(),
        }
    }

    /// As `#[serde(with)]` calls it.
    ///
    /// # Errors
    /// Where there is neither a whole number nor null.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}

/// Bytes as base64 with padding.
pub mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// As `#[serde(with)]` calls it.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    /// As `#[serde(with)]` calls it.
    ///
    /// # Errors
    /// Where the text is no base64.
    pub fn deserialize<'de, D, B>(from: D) -> Result<B, D::Error>
    where
        D: Deserializer<'de>,
        B: From<Vec<u8>>,
    {
        STANDARD
            .decode(String::deserialize(from)?)
            .map(B::from)
            .map_err(D::Error::custom)
    }
}
