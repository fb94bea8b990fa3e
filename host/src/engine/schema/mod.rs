//! JSON Schemas of tools: which are accepted, and checking arguments against them.
//!
//! A schema comes from a tenant and is run by the host, so it must be cheap to run whatever is in
//! it. What a schema may do is bounded before it is compiled (`measure`): references lead to its own
//! `$defs` only and never in a circle (a circle could recur for ever on one value), and with every
//! reference written out it is still small and flat (a chain of doubled references would double with
//! each link). Patterns are few and small, and run on the linear engine, without backtracking. What
//! is left grows with the schema times the arguments, and that product is bounded, too. Compiling,
//! and checking where the product is not small, are done on threads for blocking work, a few at a time.

mod measure;

use jsonschema::{PatternOptions, Validator};
use measure::{Measure, measure};
use serde_json::Value;

/// JSON text of one schema, bytes.
pub(super) const SCHEMA_BYTES: usize = 64 << 10;
/// Memory of one compiled pattern, bytes; the automaton made of it while it runs may have as much.
const PATTERN_BYTES: usize = 32 << 10;
/// Memory of one value of a compiled schema, bytes, about.
const VALUE_BYTES: u64 = 512;
/// The cost of a schema times the bytes of the arguments, at most.
const WORK: u64 = 64 << 20;
/// The same product up to which arguments are checked where they are: about as long as it takes to hand them to another
/// thread and back, and far below a guest's own turn of the processor.
const QUICK: u64 = 64 << 10;
/// Values of a schema times bytes of the arguments up to which the model is told what is wrong: an
/// alternative that fails collects every error of every branch, some hundred bytes each.
const EXPLAINED: u64 = 512 << 10;
/// Bytes of what the model is told: it quotes the arguments.
const ERROR_BYTES: usize = 300;

/// A schema that is not accepted; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct SchemaError(String);

/// A schema, compiled.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
    cost: u64,
    values: u64,
    bytes: u32,
}

/// Compile a schema of arguments: an object schema within the bounds above. Blocks.
pub(super) fn compile_input(text: &str) -> Result<Schema, SchemaError> {
    let schema = parse(text)?;
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        let text = "a schema of arguments must have \"type\": \"object\"";
        return Err(SchemaError(text.to_owned()));
    }
    compile(text, &schema)
}

/// Compile a schema of structured output. Blocks.
pub(super) fn compile_output(text: &str) -> Result<Schema, SchemaError> {
    compile(text, &parse(text)?)
}

fn parse(text: &str) -> Result<Value, SchemaError> {
    if text.len() > SCHEMA_BYTES {
        return Err(SchemaError(format!(
            "a schema has at most {SCHEMA_BYTES} bytes, not {}",
            text.len()
        )));
    }
    let mut schema: Value = serde_json::from_str(text)
        .map_err(|error| SchemaError(format!("a schema must be JSON: {error}")))?;
    // Its own address is of no use to anybody here, and could be that of another schema.
    if let Some(members) = schema.as_object_mut() {
        members.remove("$id");
    }
    Ok(schema)
}

fn compile(text: &str, schema: &Value) -> Result<Schema, SchemaError> {
    let (measure, patterns) = measure(schema)?;
    let options = PatternOptions::regex()
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES);
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(options)
        .offline()
        .build(schema)
        .map_err(|error| SchemaError(format!("not a JSON Schema (2020-12): {error}")))?;
    Ok(Schema {
        validator,
        cost: measure.cost(),
        values: measure.values,
        bytes: memory(text, measure, patterns),
    })
}

fn memory(text: &str, measure: Measure, patterns: u64) -> u32 {
    let patterns = patterns.saturating_mul(2 * (PATTERN_BYTES as u64));
    let bytes = measure
        .values
        .saturating_mul(VALUE_BYTES)
        .saturating_add(patterns)
        .saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Schema {
    /// About how much memory it holds, bytes.
    pub(super) const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Whether checking these arguments is too little work for a thread of its own.
    pub(super) fn is_quick(&self, arguments: &str) -> bool {
        let size = u64::try_from(arguments.len()).unwrap_or(u64::MAX);
        self.cost.saturating_mul(size) <= QUICK
    }

    /// Check arguments; the first thing that is wrong, in words for the model. Blocks.
    pub(super) fn check(&self, arguments: &str) -> Result<(), String> {
        let size = u64::try_from(arguments.len()).unwrap_or(u64::MAX);
        let work = self.cost.saturating_mul(size);
        if work > WORK {
            return Err(format!(
                "the arguments have {size} bytes; with this tool's schema, they may have at most {}",
                WORK.checked_div(self.cost).unwrap_or(u64::MAX)
            ));
        }
        let arguments: Value = serde_json::from_str(arguments)
            .map_err(|error| format!("the arguments are not JSON: {error}"))?;
        // Holds nothing while it runs, unlike what is done to explain a failure.
        if self.validator.is_valid(&arguments) {
            return Ok(());
        }
        if self.values.saturating_mul(size) > EXPLAINED {
            return Err("the arguments do not fit the tool's schema".to_owned());
        }
        let Err(error) = self.validator.validate(&arguments) else {
            return Ok(());
        };
        let text = error.to_string();
        let path = error.instance_path().to_string();
        let text = super::log::cut(&text, ERROR_BYTES);
        Err(match path.as_str() {
            "" => text.to_owned(),
            path => format!("at {}: {text}", super::log::cut(path, ERROR_BYTES)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(schema: &str) -> String {
        compile_input(schema).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn arguments_are_checked_and_the_model_is_told_what_is_wrong() {
        let schema = r##"{"type":"object","properties":{"n":{"$ref":"#/$defs/count"}},
            "required":["n"],"$defs":{"count":{"type":"integer","minimum":1}}}"##;
        let schema = compile_input(schema).unwrap();
        schema.check(r#"{"n":1}"#).unwrap();
        let error = schema.check(r#"{"n":0}"#).unwrap_err();
        assert!(error.starts_with("at /n: 0 is less than"), "{error}");
        let error = schema.check("{}").unwrap_err();
        assert!(error.contains("\"n\" is a required property"), "{error}");
        let error = schema.check("{").unwrap_err();
        assert!(error.starts_with("the arguments are not JSON"), "{error}");
    }

    #[test]
    fn a_schema_must_be_an_object_schema_of_its_own() {
        assert!(refusal("{").starts_with("a schema must be JSON"));
        assert!(refusal(r#"{"type":"string"}"#).contains("\"type\": \"object\""));
        assert!(refusal("true").contains("\"type\": \"object\""));
        let elsewhere = r#"{"type":"object","$ref":"https://example.com/schema.json"}"#;
        assert!(refusal(elsewhere).contains("own #/$defs"));
        let invalid = r#"{"type":"object","properties":{"n":{"minimum":"one"}}}"#;
        assert!(refusal(invalid).starts_with("not a JSON Schema"));
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_refused() {
        assert!(refusal(r##"{"type":"object","$ref":"#"}"##).contains("own #/$defs"));
        let circle = r##"{"type":"object","$ref":"#/$defs/a",
            "$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"$ref":"#/$defs/a"}}}"##;
        assert!(
            refusal(circle).contains("refers to itself"),
            "{}",
            refusal(circle)
        );
        let dynamic = r##"{"type":"object","allOf":[{"$dynamicRef":"#x"}]}"##;
        assert!(refusal(dynamic).contains("$dynamicRef"));
        let renamed = r##"{"type":"object","properties":{"a":{"$id":"https://x/y"}}}"##;
        assert!(refusal(renamed).contains("$id"));
        let named = r##"{"type":"object","$id":"https://json-schema.org/draft/2020-12/schema",
            "$ref":"#/$defs/a","$defs":{"a":{"required":["n"]}}}"##;
        let schema = compile_input(named).unwrap();
        assert!(schema.check("{}").is_err(), "its own definition");
    }

    #[test]
    fn references_that_double_are_refused_before_they_are_run() {
        let links: Vec<String> = (0..40)
            .map(|n| {
                let next = format!("{{\"$ref\":\"#/$defs/d{}\"}}", n + 1);
                format!("\"d{n}\":{{\"allOf\":[{next},{next}]}}")
            })
            .collect();
        let schema = format!(
            "{{\"type\":\"object\",\"$ref\":\"#/$defs/d0\",\"$defs\":{{{},\"d40\":{{}}}}}}",
            links.join(",")
        );
        assert!(refusal(&schema).contains("written out"));
    }

    #[test]
    fn patterns_are_linear_and_small() {
        let pattern = |pattern: &str| {
            format!(
                r#"{{"type":"object","properties":{{"s":{{"type":"string","pattern":"{pattern}"}}}}}}"#
            )
        };
        let schema = compile_input(&pattern("^(a+)+$")).unwrap();
        let hostile = format!(r#"{{"s":"{}b"}}"#, "a".repeat(10_000));
        assert!(schema.check(&hostile).is_err());
        assert!(refusal(&pattern("(?=a)b")).starts_with("not a JSON Schema"));
        assert!(refusal(&pattern("(a{1000}){1000}")).starts_with("not a JSON Schema"));
    }

    #[test]
    fn a_schema_is_accepted_at_its_largest_and_refused_one_byte_beyond() {
        let schema = |bytes: usize| {
            let frame = r#"{"type":"object","title":""}"#.len();
            format!(
                r#"{{"type":"object","title":"{}"}}"#,
                "t".repeat(bytes - frame)
            )
        };
        assert!(compile_input(&schema(SCHEMA_BYTES)).is_ok());
        assert!(refusal(&schema(SCHEMA_BYTES + 1)).contains("65536 bytes, not 65537"));
    }

    #[test]
    fn only_the_first_error_is_told_and_only_where_telling_is_cheap() {
        let schema =
            compile_input(r#"{"type":"object","required":["a","b"],"additionalProperties":false}"#)
                .unwrap();
        assert_eq!(
            schema.check("{}"),
            Err("\"a\" is a required property".to_owned())
        );
        let names: Vec<String> = (0..10_000).map(|n| format!("\"n{n}\":{{}}")).collect();
        let error = schema
            .check(&format!("{{{}}}", names.join(",")))
            .unwrap_err();
        assert_eq!(error, "the arguments do not fit the tool's schema");
    }

    #[test]
    fn arguments_are_checked_up_to_the_bound_of_schema_times_bytes() {
        let schema = compile_input(r#"{"type":"object","properties":{"s":{"pattern":"^x*$"}}}"#);
        let schema = schema.unwrap();
        let most = usize::try_from(WORK / schema.cost).unwrap();
        let arguments = |bytes: usize| format!(r#"{{"s":"{}"}}"#, "x".repeat(bytes - 8));
        assert_eq!(arguments(most).len(), most);
        schema.check(&arguments(most)).unwrap();
        let error = schema.check(&arguments(most + 1)).unwrap_err();
        assert!(error.ends_with(&format!("at most {most}")), "{error}");
    }
}
