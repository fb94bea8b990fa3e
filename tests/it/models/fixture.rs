//! A turn of the hostile engine with one model, on a double.

use crate::engine::fixture::{Fixture, egress_to};
use agent_factory::config::Limits;
use agent_factory::domain::AgentModel;
use agent_factory::engine::{Credential, TurnModel};
use agent_factory_tests::model::ModelDouble;
use serde_json::json;

/// The key of every test.
pub(crate) const KEY: &str = "sk-test-5ec12e75ec12e7";

/// What the hostile engine posts.
pub(crate) const BODY: &str = r#"{"model":"gpt-x","stream":true,"messages":[]}"#;

/// A model at this base URL.
pub(crate) fn model_at(base_url: &str) -> AgentModel {
    let model = json!({ "api": "openai-chat", "model": "gpt-x", "baseUrl": base_url, "secretRef": "openai.apiKey" });
    serde_json::from_value(model).expect("a model")
}

/// A turn whose model is the double, with a key.
pub(crate) async fn with(limits: Limits, double: &ModelDouble) -> Fixture {
    let egress = egress_to(&double.address().to_string());
    let mut fixture = Fixture::with_egress(limits, egress).await;
    fixture.models = vec![TurnModel {
        model: model_at(&double.base_url()),
        credential: Credential::Value(secret(KEY)),
    }];
    fixture
}

pub(crate) fn secret(value: &str) -> agent_factory::domain::SecretValue {
    serde_json::from_value(value.into()).expect("a secret")
}
