//! Skills made with the attribute, called by name as the host does.

use agent_factory_sdk::prelude::*;
use agent_factory_sdk::testing::Host;
use agent_factory_sdk::types::{Content, Hints};
use agent_factory_sdk::{Entry, Skill, ToolFunction};
use serde_json::{Value, json};

/// Which way.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Direction {
    North,
    South,
}

/// Where to go.
#[derive(Deserialize, JsonSchema)]
struct Walk {
    /// Whole steps.
    steps: u32,
    direction: Direction,
    /// What to sing meanwhile.
    song: Option<String>,
}

/// Walk somewhere.
///
/// Use it to move:
/// - north
/// - south
#[tool(destructive, open_world, title = "Take a walk")]
fn walk(args: Walk) -> String {
    let way = match args.direction {
        Direction::North => "north",
        Direction::South => "south",
    };
    let song = args.song.map(|song| format!(", singing {song}"));
    format!("{} steps {way}{}", args.steps, song.unwrap_or_default())
}

/// Say nothing new.
#[tool(name = "look_around", read_only, idempotent)]
fn look() -> &'static str {
    "trees"
}

#[derive(Serialize, JsonSchema)]
struct Place {
    /// East of the house.
    x: i32,
    /// Whether that was measured; written, never read.
    #[serde(skip_deserializing)]
    exact: bool,
}

/// Say where we are.
#[tool(read_only)]
fn locate() -> Json<Place> {
    Json(Place { x: 3, exact: true })
}

/// Say where we are, twice.
#[tool(read_only)]
fn explain() -> Result<(&'static str, Json<Place>), ToolError> {
    Ok(("by the brook", Json(Place { x: 3, exact: true })))
}

/// Do the one or the other.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Act {
    Sit,
    Jump { height: u32 },
}

/// Act.
#[tool]
fn act(context: &Context, act: Act) -> Result<Output, ToolError> {
    match act {
        Act::Sit => Ok(Output::text(context.idempotency_key())),
        Act::Jump { height: 0..=2 } => {
            Ok(Output::default()
                .with_file(File::new("text/plain", b"!".as_slice()).named("jump.txt")))
        }
        Act::Jump { height } => Err(ToolError::Refused(format!("{height} is too high"))),
    }
}

mod elsewhere {
    use agent_factory_sdk::prelude::*;

    /// A tool of another module.
    #[tool]
    pub(crate) fn far() -> String {
        "far".to_owned()
    }

    #[derive(Debug)]
    pub(crate) struct Lost;

    impl From<Lost> for ToolError {
        fn from(Lost: Lost) -> Self {
            Self::failed("lost the way")
        }
    }

    /// Fails in its own words.
    #[tool]
    pub(crate) fn stray(_context: &Context) -> Result<serde_json::Value, Lost> {
        Err(Lost)
    }
}

agent_factory_sdk::skill!(
    walk,
    look,
    locate,
    explain,
    act,
    elsewhere::far,
    elsewhere::stray
);

fn schema(tool: &str) -> Value {
    serde_json::from_str(&SKILL.tool(tool).unwrap().input_schema).unwrap()
}

fn call(tool: &str, arguments: Value) -> Result<Output, ToolError> {
    Host::new().call(SKILL, tool, arguments)
}

#[test]
fn tools_are_listed_in_the_order_of_the_skill() {
    let names: Vec<String> = SKILL.tools().into_iter().map(|tool| tool.name).collect();
    assert_eq!(
        names,
        [
            "walk",
            "look_around",
            "locate",
            "explain",
            "act",
            "far",
            "stray"
        ]
    );
}

#[test]
fn the_description_is_the_doc_comment() {
    let tool = SKILL.tool("walk").unwrap();
    let expected = "Walk somewhere.\n\nUse it to move:\n- north\n- south";
    assert_eq!(tool.description, expected);
    assert_eq!(tool.title.as_deref(), Some("Take a walk"));
    assert_eq!(SKILL.tool("locate").unwrap().title, None);
}

#[test]
fn hints_are_the_words_in_the_brackets() {
    let hints = |tool: &str| SKILL.tool(tool).unwrap().hints;
    assert_eq!(
        hints("walk"),
        Hints {
            destructive: true,
            open_world: true,
            ..Hints::default()
        }
    );
    assert_eq!(
        hints("look_around"),
        Hints {
            read_only: true,
            idempotent: true,
            ..Hints::default()
        }
    );
    assert_eq!(hints("act"), Hints::default());
}

#[test]
fn the_schema_is_that_of_the_argument_type_complete_in_itself() {
    let expected = json!({
        "type": "object",
        "description": "Where to go.",
        "properties": {
            "steps": { "type": "integer", "format": "uint32", "minimum": 0, "description": "Whole steps." },
            "direction": { "type": "string", "enum": ["north", "south"], "description": "Which way." },
            "song": { "type": ["string", "null"], "description": "What to sing meanwhile." },
        },
        "required": ["steps", "direction"],
    });
    assert_eq!(schema("walk"), expected);
}

#[test]
fn a_tool_without_arguments_takes_an_empty_object_only() {
    let expected = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    assert_eq!(schema("look_around"), expected);
    assert_eq!(call("look_around", json!({})), Ok(Output::text("trees")));
    let error = call("look_around", json!({ "far": true })).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid arguments: unknown field `far`: this tool takes no arguments"
    );
}

#[test]
fn an_enum_with_a_tag_is_an_object_schema_too() {
    assert_eq!(schema("act")["type"], "object");
    assert_eq!(schema("act")["oneOf"].as_array().map(Vec::len), Some(2));
}

#[test]
fn arguments_that_do_not_fit_are_invalid_arguments() {
    let wrong = |arguments: Value| match call("walk", arguments) {
        Err(ToolError::InvalidArguments(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(wrong(json!({ "steps": 3 })).starts_with("missing field `direction`"));
    assert!(wrong(json!({ "steps": -1, "direction": "north" })).contains("expected u32"));
    assert!(
        wrong(json!({ "steps": 1, "direction": "up" })).contains("expected `north` or `south`")
    );
    assert!(wrong(json!([])).contains("invalid length 0"));
}

#[test]
fn an_unknown_tool_is_invalid_arguments() {
    assert_eq!(
        call("fly", json!({})),
        Err(ToolError::invalid_arguments("there is no tool `fly`"))
    );
}

#[test]
fn words_are_text() {
    let arguments = json!({ "steps": 3, "direction": "north", "song": "la" });
    assert_eq!(
        call("walk", arguments),
        Ok(Output::text("3 steps north, singing la"))
    );
    assert_eq!(SKILL.tool("walk").unwrap().output_schema, None);
}

#[test]
fn json_is_structured_and_has_a_schema() {
    let expected = Output {
        content: vec![Content::Text(r#"{"x":3,"exact":true}"#.to_owned())],
        structured: Some(r#"{"x":3,"exact":true}"#.to_owned()),
    };
    assert_eq!(call("locate", json!({})), Ok(expected));
    let schema = SKILL.tool("locate").unwrap().output_schema.unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(
        schema["properties"]["x"]["description"],
        "East of the house."
    );
    assert_eq!(schema["required"], json!(["x", "exact"]));
}

#[test]
fn words_and_json_go_side_by_side() {
    let output = call("explain", json!({})).unwrap();
    assert_eq!(output.to_text(), "by the brook");
    assert_eq!(
        output.structured.as_deref(),
        Some(r#"{"x":3,"exact":true}"#)
    );
    assert!(SKILL.tool("explain").unwrap().output_schema.is_some());
}

#[test]
fn the_context_may_come_first_and_carries_the_key_of_the_call() {
    let host = Host::new();
    let sit = || {
        host.call(SKILL, "act", json!({ "action": "sit" }))
            .unwrap()
            .to_text()
    };
    assert_ne!(sit(), sit());
}

#[test]
fn files_and_errors_come_through() {
    let jumped = call("act", json!({ "action": "jump", "height": 2 })).unwrap();
    assert!(matches!(&jumped.content[..], [Content::File(file)] if file.content.to_vec() == b"!"));
    let refused = call("act", json!({ "action": "jump", "height": 3 }));
    assert_eq!(refused, Err(ToolError::Refused("3 is too high".to_owned())));
}

#[test]
fn a_tool_of_another_module_and_an_error_of_its_own_work() {
    assert_eq!(call("far", json!({})), Ok(Output::text("far")));
    assert_eq!(
        call("stray", json!({})),
        Err(ToolError::failed("lost the way"))
    );
}

/// Named like a parameter of the code around it.
#[tool]
fn arguments(context: &Context) -> String {
    context.idempotency_key().to_owned()
}

#[test]
fn a_tool_may_be_named_like_anything() {
    let context = Context::new("key".to_owned());
    assert_eq!(
        <arguments as ToolFunction>::call(&context, "{}"),
        Ok(Output::text("key"))
    );
}

/// Not an object.
#[tool]
fn shout(words: String) -> String {
    words
}

#[test]
#[should_panic(expected = "the arguments of the tool `shout` must be a struct")]
fn arguments_that_are_no_object_are_found_in_a_test() {
    const SKILL: Skill = Skill::new(&[Entry::of::<shout>()]);
    drop(SKILL.tools());
}

#[test]
fn the_function_itself_is_still_there_to_call() {
    assert_eq!(shout("hey".to_owned()), "hey");
}
