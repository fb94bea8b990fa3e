//! From the rest of a message to a tool's arguments.

use serde_json::{Map, Value};

/// The arguments as JSON text.
pub(crate) fn of(schema: &str, rest: &str) -> String {
    if rest.is_empty() {
        return "{}".to_owned();
    }
    if serde_json::from_str::<Map<String, Value>>(rest).is_ok() {
        return rest.to_owned();
    }
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let required = required(&schema);
    let value = |property: &str| match is_string(&schema, property) {
        true => Value::from(rest),
        // Words where a number should be: the tool says so better than this engine could.
        false => serde_json::from_str(rest).unwrap_or_else(|_| Value::from(rest)),
    };
    let property = required
        .iter()
        .find(|property| is_string(&schema, property))
        .or_else(|| required.first());
    let arguments: Map<String, Value> = property
        .map(|property| ((*property).to_owned(), value(property)))
        .into_iter()
        .collect();
    Value::Object(arguments).to_string()
}

/// The names of the required properties, in the author's order.
fn required(schema: &Value) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn is_string(schema: &Value, property: &str) -> bool {
    let kind = schema
        .get("properties")
        .and_then(|all| all.get(property)?.get("type"));
    kind.and_then(Value::as_str) == Some("string")
}

#[cfg(test)]
mod tests {
    use super::of;

    const SCHEMA: &str = r#"{
        "type": "object",
        "properties": {
            "count": { "type": "integer" },
            "text": { "type": "string" },
            "title": { "type": "string" }
        },
        "required": ["count", "text", "title"]
    }"#;

    #[test]
    fn words_go_to_the_first_required_string() {
        assert_eq!(of(SCHEMA, "buy \"milk\""), r#"{"text":"buy \"milk\""}"#);
    }

    #[test]
    fn an_object_is_passed_on_as_it_is() {
        assert_eq!(of(SCHEMA, r#"{ "count": 1 }"#), r#"{ "count": 1 }"#);
    }

    #[test]
    fn what_only_looks_like_an_object_is_words() {
        assert_eq!(of(SCHEMA, "{ a smile"), r#"{"text":"{ a smile"}"#);
    }

    #[test]
    fn without_a_required_string_the_first_required_property_is_read_as_json() {
        let schema = r#"{"properties":{"number":{"type":"integer"}},"required":["number"]}"#;
        assert_eq!(of(schema, "2"), r#"{"number":2}"#);
        assert_eq!(of(schema, "two"), r#"{"number":"two"}"#);
    }

    #[test]
    fn without_a_rest_or_a_required_property_there_are_no_arguments() {
        assert_eq!(of(SCHEMA, ""), "{}");
        assert_eq!(of(r#"{"type":"object"}"#, "everything, please"), "{}");
        assert_eq!(of("no schema", "everything"), "{}");
    }
}
