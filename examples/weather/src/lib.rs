//! The weather, from a JSON API that wants a token.
//!
//! The skill never sees the token: `config/capabilities.toml` names it, and the host adds it.
use agent_factory_sdk::prelude::*;

/// Where the API is, unless the setting `base-url` says otherwise.
const BASE_URL: &str = "https://api.weather.example/v1";

/// Where to look.
#[derive(Deserialize, JsonSchema)]
struct Place {
    /// The name of a town, for example `Lisbon`.
    place: String,
}

/// What the API answers.
#[derive(Deserialize)]
struct Observation {
    celsius: f64,
    sky: String,
}

/// Tell the weather of a place as it is now.
#[tool(read_only, idempotent, open_world, title = "Weather now")]
fn current(args: Place) -> Result<String, ToolError> {
    let base = config::get("base-url").unwrap_or_else(|| BASE_URL.to_owned());
    let answer = http::get(&format!("{base}/current"))
        .query("place", &args.place)
        .header("accept", "application/json")
        .send()?;
    if answer.status() == 404 {
        let text = format!("there is no place {:?}", args.place);
        return Err(ToolError::invalid_arguments(text));
    }
    let Observation { celsius, sky } = answer.success()?.json()?;
    Ok(format!("{}: {celsius} °C, {sky}", args.place))
}

agent_factory_sdk::skill!(current);

#[cfg(test)]
mod tests {
    use super::*;
    use agent_factory_sdk::testing::{Capability, FakeResponse, Host};
    use serde_json::json;

    #[test]
    fn the_weather_is_told_in_a_line() {
        let host = Host::new();
        let observation = json!({ "celsius": 21.5, "sky": "clear" });
        host.add_response(FakeResponse::json(200, &observation));
        let told = host.call(SKILL, "current", json!({ "place": "São Paulo" }));
        assert_eq!(told, Ok(Output::text("São Paulo: 21.5 °C, clear")));
        let [request] = &host.requests()[..] else {
            panic!("one request");
        };
        assert_eq!(
            request.url,
            "https://api.weather.example/v1/current?place=S%C3%A3o%20Paulo"
        );
    }

    #[test]
    fn a_place_that_is_not_there_is_the_models_to_correct() {
        let host = Host::new();
        host.add_response(FakeResponse::new(404, ""));
        let told = host.call(SKILL, "current", json!({ "place": "Atlantis" }));
        let expected = ToolError::invalid_arguments("there is no place \"Atlantis\"");
        assert_eq!(told, Err(expected));
    }

    #[test]
    fn without_the_grant_a_person_is_asked_to_act() {
        let host = Host::new();
        host.deny(Capability::Http);
        let told = host.call(SKILL, "current", json!({ "place": "Lisbon" }));
        assert!(matches!(told, Err(ToolError::NotConfigured(_))), "{told:?}");
    }
}
