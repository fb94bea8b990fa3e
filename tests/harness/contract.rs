//! The description at `/openapi.json`, to hold answers against.

use crate::api::{Answer, Client};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What the server says of itself.
pub struct Contract {
    document: Value,
}

/// One operation, as it is described.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `operationId`.
    pub id: String,
    /// The method.
    pub method: Method,
    /// The path, with its parameters' names.
    pub path: String,
    /// The scopes it takes; none where it takes no token.
    pub scopes: Vec<String>,
    /// Whether it has a body.
    pub has_body: bool,
    /// Whether its body is JSON.
    pub has_json: bool,
    /// The statuses it may answer.
    pub statuses: BTreeSet<u16>,
}

impl Operation {
    /// The path with its parameters filled.
    pub fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let mut filled = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').expect("a parameter");
            filled.push_str(before);
            filled.push_str(&value(name));
            rest = after;
        }
        filled + rest
    }
}

impl Contract {
    /// As `client`'s server describes itself.
    pub async fn of(client: &Client) -> Self {
        let document = client.get("/openapi.json").await.expect(200);
        Self { document }
    }

    /// The whole description.
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// All operations, by path.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        let paths = self.document["paths"].as_object().expect("paths");
        for (path, item) in paths {
            for (method, described) in item.as_object().expect("an item") {
                let scopes = described["security"][0]["bearer"].as_array();
                let scopes = scopes.into_iter().flatten();
                let responses = described["responses"].as_object().expect("responses");
                let content = &described["requestBody"]["content"];
                operations.push(Operation {
                    id: described["operationId"].as_str().expect("an id").to_owned(),
                    method: method.to_uppercase().parse().expect("a method"),
                    path: path.clone(),
                    scopes: scopes
                        .map(|scope| scope.as_str().expect("a scope").to_owned())
                        .collect(),
                    has_body: content.is_object(),
                    has_json: content.get("application/json").is_some(),
                    statuses: responses
                        .keys()
                        .map(|status| status.parse().expect("a status"))
                        .collect(),
                });
            }
        }
        operations
    }

    /// The operation of this id.
    pub fn operation(&self, id: &str) -> Operation {
        let found = self.operations().into_iter().find(|known| known.id == id);
        found.unwrap_or_else(|| panic!("{id} is not described"))
    }

    /// Hold an answer against what is described for it: its status, and its body where that is JSON.
    pub fn check(&self, id: &str, answer: &Answer) {
        let operation = self.operation(id);
        let status = answer.status.to_string();
        assert!(
            operation.statuses.contains(&answer.status),
            "{id} answers {status}, which is not described: {}",
            answer.text
        );
        let item = &self.document["paths"][&operation.path];
        let response = &item[operation.method.as_str().to_lowercase()]["responses"][&status];
        let Some(schema) = response["content"]["application/json"].get("schema") else {
            let is_text = response["content"].get("text/plain").is_some();
            let is_bytes = response["content"]
                .get("application/octet-stream")
                .is_some();
            assert!(
                answer.text.is_empty() || is_text || is_bytes,
                "{id} answers {status} with a body that is not described: {}",
                answer.text
            );
            return;
        };
        let mut schema = match schema {
            Value::Bool(_) => json!({}),
            schema => schema.clone(),
        };
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        if let Err(error) = validator.validate(&answer.body) {
            panic!("{id} answers {status} with {}: {error}", answer.text);
        }
    }
}
