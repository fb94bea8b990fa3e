use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use subtle::ConstantTimeEq as _;

/// The value of a secret on its way to the one place that uses it. Wiped from memory when dropped, and not shown by
/// `Debug`. Serialized it is plain text: only what crosses the seam between control plane and worker holds one,
/// and nothing that is stored or logged.
#[derive(Clone)]
pub struct SecretValue(SecretString);

impl SecretValue {
    /// The value itself: for the header or the URL that needs it, and for redaction.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// The value, as libraries take it.
    #[must_use]
    pub fn into_inner(self) -> SecretString {
        self.0
    }
}

impl From<SecretString> for SecretValue {
    fn from(value: SecretString) -> Self {
        Self(value)
    }
}

impl From<String> for SecretValue {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

impl PartialEq for SecretValue {
    fn eq(&self, other: &Self) -> bool {
        self.reveal()
            .as_bytes()
            .ct_eq(other.reveal().as_bytes())
            .into()
    }
}

impl Eq for SecretValue {}

impl fmt::Debug for SecretValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretValue(..)")
    }
}

impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.reveal())
    }
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|value| Self(value.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_survives_the_seam() {
        let secret = SecretValue::from(SecretString::from("sk-123".to_owned()));
        assert_eq!(format!("{secret:?}"), "SecretValue(..)");
        let sent = serde_json::to_string(&secret).unwrap();
        assert_eq!(serde_json::from_str::<SecretValue>(&sent).unwrap(), secret);
    }
}
