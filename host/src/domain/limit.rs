//! The limits of components: their names, and what it means to be over one.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Who may ask for a value of a limit, within what the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A skill for its tool calls (`[limits]` of `config/capabilities.toml`), an agent and a tenant.
    Call,
    /// An agent and a tenant: it is a whole turn's.
    Turn,
    /// The operator only.
    Fixed,
}

/// A text that is no limit's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no limit {0:?}")]
pub struct UnknownLimit(String);

macro_rules! limits {
    ($($variant:ident: $name:literal, $reach:ident, $min:expr, $max:expr, $unit:literal, $text:literal;)+) => {
        /// A limit of what a component may take; `limits.NAME` of the configuration.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum LimitName {
            $(
                #[doc = concat!("`limits.", $name, "`, ", $unit, ".")]
                $variant,
            )+
        }

        impl LimitName {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Its key in the configuration.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => concat!("limits.", $name)),+ }
            }

            /// The key of its default in the configuration, for those that can be asked for.
            #[must_use]
            pub const fn default_key(self) -> &'static str {
                match self { $(Self::$variant => concat!("default_limits.", $name)),+ }
            }

            /// The lowest and the highest value it may have.
            #[must_use]
            pub const fn bounds(self) -> (u64, u64) {
                match self { $(Self::$variant => ($min, $max)),+ }
            }

            /// What it counts.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$variant => $unit),+ }
            }

            /// Who may ask for a value of it.
            #[must_use]
            pub const fn reach(self) -> Reach {
                match self { $(Self::$variant => Reach::$reach),+ }
            }
        }

        impl fmt::Display for LimitExceeded {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.limit {
                    $(LimitName::$variant => write!(out, concat!($text, " (", $name, ")"), self.value)),+
                }
            }
        }
    };
}

limits! {
    MemoryBytes: "memory_bytes", Call, 64 << 10, 4 << 30, "bytes",
        "the component needs more than the {} bytes of memory it may hold";
    TableElements: "table_elements", Fixed, 1, 10_000_000, "elements",
        "the component needs more than the {} table elements it may hold";
    CoreInstances: "core_instances", Fixed, 1, 1_000, "instances",
        "the component has more than {} core instances";
    Tables: "tables", Fixed, 1, 100, "tables",
        "the component has more than {} tables";
    Memories: "memories", Fixed, 1, 16, "memories",
        "the component has more than {} memories";
    Handles: "handles", Fixed, 1, 1_000_000, "handles",
        "the component holds more than {} resources";
    TurnMs: "turn_ms", Turn, 1, 3_600_000, "milliseconds",
        "the component took longer than {} ms";
    TurnCpuMs: "turn_cpu_ms", Turn, 1, 3_600_000, "milliseconds",
        "the component ran for more than {} ms of processor time";
    ToolMs: "tool_ms", Call, 1, 3_600_000, "milliseconds",
        "the component took longer than {} ms";
    ToolCpuMs: "tool_cpu_ms", Call, 1, 3_600_000, "milliseconds",
        "the component ran for more than {} ms of processor time";
    HostCalls: "host_calls", Call, 1, 10_000_000, "calls",
        "the component called the host more than {} times";
    HostCallBytes: "host_call_bytes", Fixed, 1 << 10, 256 << 20, "bytes",
        "the component passed more than {} bytes in one call";
    RandomBytes: "random_bytes", Fixed, 64, 1 << 20, "bytes",
        "the component asked for more than {} random bytes at once";
    BlobBytes: "blob_bytes", Call, 0, 256 << 20, "bytes",
        "the component holds blobs of more than {} bytes that it made";
    ToolRounds: "tool_rounds", Turn, 1, 1_000, "batches",
        "the turn used all its {} batches of tools";
    ToolBatch: "tool_batch", Fixed, 1, 1_000, "tools",
        "more than {} tools in one batch";
    ToolArgumentBytes: "tool_argument_bytes", Fixed, 2, 64 << 20, "bytes",
        "the arguments have more than {} bytes";
    ToolOutputBytes: "tool_output_bytes", Call, 1, 64 << 20, "bytes",
        "the tool's output has more than {} bytes";
    AppendMessages: "append_messages", Fixed, 1, 10_000, "messages",
        "one turn appends at most {} messages to the history";
    AppendBytes: "append_bytes", Fixed, 1, 256 << 20, "bytes",
        "one turn appends at most {} bytes to the history";
    ReplyBytes: "reply_bytes", Fixed, 1, 1 << 20, "bytes",
        "the reply has more than {} bytes";
    ReplyFileBytes: "reply_file_bytes", Fixed, 0, 64 << 20, "bytes",
        "the files of the reply have more than {} bytes";
    LogLines: "log_lines", Call, 0, 100_000, "lines",
        "one call logs at most {} lines; those beyond were dropped";
    LogLineBytes: "log_line_bytes", Fixed, 16, 1 << 20, "bytes",
        "a line of the log has at most {} bytes; what was longer was cut";
    LogBytes: "log_bytes", Turn, 0, 64 << 20, "bytes",
        "the logs of one turn take at most {} bytes; lines beyond were dropped";
    KvKeyBytes: "kv_key_bytes", Fixed, 1, 1_024, "bytes",
        "a key has at most {} bytes";
    KvValueBytes: "kv_value_bytes", Call, 1, 16 << 20, "bytes",
        "a value has at most {} bytes";
    KvKeys: "kv_keys", Fixed, 0, 1_000_000, "keys",
        "no more than {} keys";
    OverlayBytes: "overlay_bytes", Turn, 0, 256 << 20, "bytes",
        "one turn writes at most {} bytes of keys and values of the conversation";
    OverlayEntries: "overlay_entries", Fixed, 0, 1_000_000, "keys",
        "one turn writes at most {} keys of the conversation";
    MemoryAppendBytes: "memory_append_bytes", Fixed, 0, 16 << 20, "bytes",
        "one turn appends at most {} bytes to the memory";
    MemoryHits: "memory_hits", Fixed, 1, 1_000, "hits",
        "a search of the memory gives at most {} hits";
    OutputTokens: "output_tokens", Fixed, 1, 1_000_000, "tokens",
        "a model answers with at most {} tokens";
    ModelCalls: "model_calls", Turn, 0, 10_000, "calls",
        "the turn has made its {} requests to models";
    ModelOutputTokens: "model_output_tokens", Turn, 1, 100_000_000, "tokens",
        "the answers of models in one turn have at most {} tokens";
    ModelRequestBytes: "model_request_bytes", Fixed, 2, 256 << 20, "bytes",
        "a request to a model has at most {} bytes";
    ModelAnswerBytes: "model_answer_bytes", Fixed, 1, 1 << 30, "bytes",
        "an answer of a model has at most {} bytes";
    ModelEventBytes: "model_event_bytes", Fixed, 1, 64 << 20, "bytes",
        "an event of an answer has at most {} bytes";
}

/// A limit that a call was over, and the value that it had for this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub struct LimitExceeded {
    /// Which.
    pub limit: LimitName,
    /// What was allowed, in the limit's own unit.
    pub value: u64,
}

impl FromStr for LimitName {
    type Err = UnknownLimit;

    fn from_str(text: &str) -> Result<Self, UnknownLimit> {
        let found = Self::ALL.iter().find(|name| name.as_str() == text);
        found.copied().ok_or_else(|| UnknownLimit(text.to_owned()))
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Serialize for LimitName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LimitName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Values that somebody asks for, for some of the limits: a skill, an agent, or a tenant's operator. Every value is within
/// its limit's bounds. What the operator's configuration allows is not looked at here: whoever asks for more gets that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, u64>", into = "BTreeMap<LimitName, u64>")]
pub struct LimitSet(BTreeMap<LimitName, u64>);

/// Why values cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitSetError {
    /// No limit, or one that only the operator's configuration sets.
    #[error("{name:?} is no limit that can be set here; those are {}", listed(*.reach))]
    NotSettable {
        /// What was asked for.
        name: String,
        /// Of what.
        reach: Reach,
    },
    /// Out of its bounds.
    #[error("{name} must be {min} to {max} {unit}, not {value}")]
    OutOfBounds {
        /// Which.
        name: LimitName,
        /// The lowest.
        min: u64,
        /// The highest.
        max: u64,
        /// What is counted.
        unit: &'static str,
        /// What was asked for.
        value: u64,
    },
}

impl LimitName {
    /// Whether somebody whose limits reach as far as `reach` may ask for a value.
    #[must_use]
    pub fn settable(self, reach: Reach) -> bool {
        match reach {
            Reach::Call => self.reach() == Reach::Call,
            Reach::Turn => self.reach() != Reach::Fixed,
            Reach::Fixed => true,
        }
    }
}

fn listed(reach: Reach) -> String {
    let names = LimitName::ALL.iter().filter(|name| name.settable(reach));
    names
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

impl LimitSet {
    /// Check values that are asked for: names of limits that can be set with `reach`, values within their bounds.
    ///
    /// # Errors
    /// The first that is wrong, and what would be right.
    pub fn parse(values: &BTreeMap<String, u64>, reach: Reach) -> Result<Self, LimitSetError> {
        let mut set = BTreeMap::new();
        for (name, value) in values {
            let known = name
                .parse::<LimitName>()
                .ok()
                .filter(|limit| limit.settable(reach));
            let Some(limit) = known else {
                return Err(LimitSetError::NotSettable {
                    name: name.clone(),
                    reach,
                });
            };
            let (min, max) = limit.bounds();
            if !(min..=max).contains(value) {
                return Err(LimitSetError::OutOfBounds {
                    name: limit,
                    min,
                    max,
                    unit: limit.unit(),
                    value: *value,
                });
            }
            set.insert(limit, *value);
        }
        Ok(Self(set))
    }

    /// What is asked for; none: whatever is the default.
    #[must_use]
    pub fn get(&self, limit: LimitName) -> Option<u64> {
        self.0.get(&limit).copied()
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is asked for here, and what `others` ask for where nothing is.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        let mut set = others.0.clone();
        set.extend(self.iter());
        Self(set)
    }

    /// No more than `cap` has for each of its limits, asked for or not.
    #[must_use]
    pub fn capped(mut self, cap: &Self) -> Self {
        for (limit, most) in cap.iter() {
            let value = self.0.entry(limit).or_insert(most);
            *value = most.min(*value);
        }
        self
    }

    /// What is asked for, by the names as they are written.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, u64> {
        self.iter()
            .map(|(limit, value)| (limit.to_string(), value))
            .collect()
    }

    /// What is asked for, by name.
    pub fn iter(&self) -> impl Iterator<Item = (LimitName, u64)> {
        self.0.iter().map(|(limit, value)| (*limit, *value))
    }
}

/// As it was stored: a name that this version does not know any more asks for nothing, and a value is within its bounds.
impl From<BTreeMap<String, u64>> for LimitSet {
    fn from(values: BTreeMap<String, u64>) -> Self {
        let known = values.into_iter().filter_map(|(name, value)| {
            let limit = name.parse::<LimitName>().ok()?;
            let (min, max) = limit.bounds();
            Some((limit, value.clamp(min, max)))
        });
        Self(known.collect())
    }
}

impl From<LimitSet> for BTreeMap<LimitName, u64> {
    fn from(set: LimitSet) -> Self {
        set.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: u64, reach: Reach) -> Result<LimitSet, LimitSetError> {
        LimitSet::parse(&BTreeMap::from([(name.to_owned(), value)]), reach)
    }

    #[test]
    fn every_name_is_read_as_it_is_written_and_is_in_its_text() {
        for limit in LimitName::ALL {
            assert_eq!(limit.as_str().parse(), Ok(*limit));
            assert_eq!(limit.key(), format!("limits.{limit}"));
            let text = LimitExceeded {
                limit: *limit,
                value: 123_456,
            }
            .to_string();
            assert!(
                text.contains("123456") && text.ends_with(&format!("({limit})")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_value_is_accepted_at_both_bounds_and_refused_beyond_with_what_would_be_right() {
        let value = |value| set("tool_ms", value, Reach::Call);
        assert_eq!(value(1).unwrap().get(LimitName::ToolMs), Some(1));
        assert!(value(3_600_000).is_ok());
        for beyond in [0, 3_600_001] {
            let error = value(beyond).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("tool_ms must be 1 to 3600000 milliseconds, not {beyond}")
            );
        }
    }

    #[test]
    fn a_skill_cannot_ask_for_what_is_a_turns_nor_anybody_for_what_is_the_operators() {
        assert!(set("turn_ms", 1, Reach::Call).is_err());
        assert!(set("turn_ms", 1, Reach::Turn).is_ok());
        assert!(set("handles", 1, Reach::Turn).is_err());
        let error = set("fuel", 1, Reach::Call).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "\"fuel\" is no limit that can be set here; those are memory_bytes, tool_ms, "
            ),
            "{error}"
        );
    }

    #[test]
    fn what_was_stored_by_another_version_still_means_something() {
        let set: LimitSet = serde_json::from_str(r#"{"tool_ms":0,"fuel":3}"#).unwrap();
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"{"tool_ms":1}"#);
    }
}
