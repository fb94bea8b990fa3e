//! What running a schema may cost, told before it is compiled.

use super::SchemaError;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Values in a schema whose references are all written out.
const WRITTEN_OUT: u64 = 4_096;
/// Levels of a schema whose references are all written out: it is compiled and run by recursion.
const LEVELS: u64 = 256;
/// Patterns in a schema.
const PATTERNS: u64 = 32;
/// One pattern, bytes.
const PATTERN_SOURCE_BYTES: usize = 1_024;
/// What a pattern costs for a byte of the arguments, as much as this many other values.
const PATTERN_COST: u64 = 128;
/// How often an `unevaluated` keyword may run what stands beside it, once for each of its own.
const UNEVALUATED_FACTOR: u64 = 3;

/// A schema's measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// Values, with every reference written out.
    pub(super) values: u64,
    /// Levels of nesting, with every reference written out.
    levels: u64,
    /// Patterns, with every reference written out.
    patterns: u64,
}

impl Measure {
    /// What it may cost to run the schema on one byte of arguments: every value of a schema may meet
    /// every value of the arguments.
    pub(super) fn cost(self) -> u64 {
        self.values
            .saturating_add(self.patterns.saturating_mul(PATTERN_COST))
    }

    fn add(&mut self, inner: Self) {
        self.values = self.values.saturating_add(inner.values);
        self.patterns = self.patterns.saturating_add(inner.patterns);
        self.levels = self.levels.max(inner.levels.saturating_add(1));
    }
}

/// Measure a schema, and refuse one over the bounds above. Gives the patterns it is written with, too.
pub(super) fn measure(schema: &Value) -> Result<(Measure, u64), SchemaError> {
    let patterns = survey(schema)?;
    if patterns > PATTERNS {
        return Err(SchemaError(format!(
            "a schema has at most {PATTERNS} patterns, not {patterns}"
        )));
    }
    let measure = WrittenOut {
        root: schema,
        known: HashMap::new(),
        open: 0,
    }
    .of(schema, true)?;
    if measure.values > WRITTEN_OUT {
        return Err(SchemaError(format!(
            "with its references written out, a schema has at most {WRITTEN_OUT} values"
        )));
    }
    if measure.levels > LEVELS {
        return Err(too_deep());
    }
    Ok((measure, patterns))
}

fn too_deep() -> SchemaError {
    SchemaError(format!(
        "with its references written out, a schema is at most {LEVELS} levels deep"
    ))
}

/// Refuse what would lead a reference elsewhere, wherever it stands, and count the patterns.
fn survey(value: &Value) -> Result<u64, SchemaError> {
    let mut patterns = 0;
    match value {
        Value::Array(items) => {
            for item in items {
                patterns += survey(item)?;
            }
        }
        Value::Object(members) => {
            patterns += own_patterns(members)?;
            for (key, member) in members {
                let leads = matches!(
                    key.as_str(),
                    "$id" | "$anchor" | "$dynamicAnchor" | "$dynamicRef" | "$recursiveRef"
                );
                if leads && !member.is_object() {
                    let text = format!("a schema must not use {key}");
                    return Err(SchemaError(text));
                }
                patterns += survey(member)?;
            }
        }
        _ => {}
    }
    Ok(patterns)
}

/// The patterns of one object, not of those in it.
fn own_patterns(members: &Map<String, Value>) -> Result<u64, SchemaError> {
    let pattern = members.get("pattern").and_then(Value::as_str);
    let properties = members.get("patternProperties").and_then(Value::as_object);
    let keys = properties.into_iter().flat_map(Map::keys);
    let mut count = 0;
    for source in pattern.into_iter().chain(keys.map(String::as_str)) {
        if source.len() > PATTERN_SOURCE_BYTES {
            return Err(SchemaError(format!(
                "a pattern has at most {PATTERN_SOURCE_BYTES} bytes, not {}",
                source.len()
            )));
        }
        count += 1;
    }
    Ok(count)
}

/// The measures of a schema with every reference written out.
struct WrittenOut<'a> {
    root: &'a Value,
    /// By name; none while it is being measured.
    known: HashMap<&'a str, Option<Measure>>,
    /// How many are being measured.
    open: u64,
}

impl<'a> WrittenOut<'a> {
    fn of(&mut self, value: &'a Value, root: bool) -> Result<Measure, SchemaError> {
        let mut total = Measure {
            values: 1,
            ..Measure::default()
        };
        match value {
            Value::Array(items) => {
                for item in items {
                    total.add(self.of(item, false)?);
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    match member.as_str() {
                        Some(target) if key == "$ref" => total.add(self.reference(target)?),
                        // Definitions count where they are used.
                        _ if root && (key == "$defs" || key == "definitions") => {}
                        _ => total.add(self.of(member, false)?),
                    }
                }
                total.patterns = total.patterns.saturating_add(own_patterns(members)?);
                if members.contains_key("unevaluatedProperties")
                    || members.contains_key("unevaluatedItems")
                {
                    total.values = total.values.saturating_mul(UNEVALUATED_FACTOR);
                    total.patterns = total.patterns.saturating_mul(UNEVALUATED_FACTOR);
                }
            }
            _ => {}
        }
        Ok(total)
    }

    fn reference(&mut self, target: &'a str) -> Result<Measure, SchemaError> {
        if let Some(known) = self.known.get(target) {
            return known.ok_or_else(|| {
                SchemaError(format!(
                    "the schema's {target:?} refers to itself; a tool's arguments must have a \
                     bounded depth"
                ))
            });
        }
        let definition = ["$defs", "definitions"].into_iter().find_map(|place| {
            let name = target
                .strip_prefix("#/")?
                .strip_prefix(place)?
                .strip_prefix('/')
                // A pointer into a definition, or an escaped name, is another place for whoever
                // resolves it than for a reader of plain names.
                .filter(|name| !name.contains(['/', '~', '%']))?;
            self.root.get(place)?.get(name)
        });
        let Some(definition) = definition else {
            return Err(SchemaError(format!(
                "a $ref must lead to the schema's own #/$defs by a plain name (without /, ~ and %), \
                 not to {target:?}"
            )));
        };
        // Deeper than any schema may be: no need to look on, and no stack for it.
        if self.open >= LEVELS {
            return Err(too_deep());
        }
        self.open = self.open.saturating_add(1);
        self.known.insert(target, None);
        let measure = self.of(definition, false)?;
        self.known.insert(target, Some(measure));
        self.open = self.open.saturating_sub(1);
        Ok(measure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(schema: &Value) -> String {
        measure(schema).unwrap_err().to_string()
    }

    #[test]
    fn a_reference_is_a_plain_name_and_no_pointer() {
        let pointers = [
            ("#/$defs/a/properties/b", json!({"properties": {"b": {}}})),
            ("#/$defs/a~1b", json!({})),
            ("#/$defs/a%62", json!({})),
        ];
        for (target, definition) in pointers {
            // Each name is there literally, too: that must not make it a plain one.
            let literal = target.trim_start_matches("#/$defs/");
            let schema = json!({
                "type": "object",
                "$ref": target,
                "$defs": {"a": definition, literal: {}, "a/b": {}, "ab": {}},
            });
            assert!(refusal(&schema).contains("plain name"), "{target}");
        }
        let plain = json!({"$ref": "#/$defs/a b.c-d", "$defs": {"a b.c-d": {}}});
        assert!(measure(&plain).is_ok());
    }

    #[test]
    fn what_leads_elsewhere_is_refused_even_where_nothing_refers_to_it() {
        let unused = json!({"type": "object", "$defs": {"a": {"$id": "json-schema:///"}}});
        assert!(refusal(&unused).contains("$id"));
        let root = json!({"type": "object", "$anchor": "x"});
        assert!(refusal(&root).contains("$anchor"));
        let property = json!({"type": "object", "properties": {"$id": {"type": "string"}}});
        assert!(measure(&property).is_ok(), "a property may have any name");
    }

    #[test]
    fn patterns_are_counted_up_to_the_bound() {
        let patterns = |count: u64| {
            let patterns: Map<String, Value> = (1..count)
                .map(|number| (format!("^p{number}"), json!({})))
                .collect();
            json!({"pattern": "a", "patternProperties": patterns})
        };
        assert_eq!(measure(&patterns(PATTERNS)).unwrap().1, PATTERNS);
        assert!(refusal(&patterns(PATTERNS + 1)).contains("at most 32 patterns, not 33"));
        let long = |bytes| json!({"pattern": "a".repeat(bytes)});
        assert!(measure(&long(PATTERN_SOURCE_BYTES)).is_ok());
        assert!(refusal(&long(PATTERN_SOURCE_BYTES + 1)).contains("1024 bytes, not 1025"));
    }

    #[test]
    fn values_are_counted_up_to_the_bound() {
        let schema = |values: u64| {
            // The object, the list, and its items.
            let items: Vec<Value> = (2..values).map(Value::from).collect();
            json!({"enum": items})
        };
        assert_eq!(measure(&schema(WRITTEN_OUT)).unwrap().0.values, WRITTEN_OUT);
        assert!(refusal(&schema(WRITTEN_OUT + 1)).contains("4096 values"));
    }

    /// A chain of references, each link two levels below the one before.
    fn chain(links: u64) -> Value {
        let mut definitions: Map<String, Value> = (0..links)
            .map(|n| {
                let next = format!("#/$defs/d{}", n + 1);
                (format!("d{n}"), json!({"not": {"$ref": next}}))
            })
            .collect();
        definitions.insert(format!("d{links}"), json!({}));
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    }

    #[test]
    fn levels_are_counted_through_references_up_to_the_bound() {
        assert_eq!(measure(&chain(127)).unwrap().0.levels, 255);
        assert!(refusal(&chain(128)).contains("256 levels deep"));
        assert!(refusal(&chain(1_500)).contains("256 levels deep"));
    }

    #[test]
    fn an_unevaluated_keyword_costs_what_it_repeats() {
        let plain = json!({"allOf": [{"pattern": "a"}]});
        let (plain, _) = measure(&plain).unwrap();
        let repeated = json!({"allOf": [{"pattern": "a"}], "unevaluatedProperties": false});
        let (repeated, _) = measure(&repeated).unwrap();
        assert_eq!(repeated.values, 3 * (plain.values + 1));
        assert_eq!(repeated.patterns, 3);
        let mut nested = json!({});
        for _ in 0..10 {
            nested = json!({"anyOf": [nested], "unevaluatedProperties": false});
        }
        assert!(refusal(&nested).contains("4096 values"));
    }
}
