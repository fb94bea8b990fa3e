"""The skill as the host sees it: what `toolbox` of `wit/skill.wit` asks for."""

import json
from dataclasses import asdict

import progress
import text
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import key_value, types
from wit_world.imports.tool_calls import ToolCall
from wit_world.imports.types import Content_Text, Hints, Tool, ToolOutput

TEXT = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 100_000}},
    "required": ["text"],
    "additionalProperties": False,
}

MEASURE = Tool(
    name="measure",
    title="Measure a text",
    description="Count the words and sentences of a text, and say how long it takes to read.",
    input_schema=json.dumps(TEXT),
    output_schema=json.dumps(
        {
            "type": "object",
            "properties": {name: {"type": "integer"} for name in ("words", "sentences", "seconds")},
            "required": ["words", "sentences", "seconds"],
        }
    ),
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
)

WRITTEN = Tool(
    name="written",
    title="Count what was written",
    description="Add the words of a finished text to what the person has written in this conversation.",
    input_schema=json.dumps(TEXT),
    output_schema=None,
    hints=Hints(read_only=False, destructive=False, idempotent=False, open_world=False),
)


class Toolbox(exports.Toolbox):
    def tools(self) -> list[Tool]:
        return [MEASURE, WRITTEN]

    def call(self, call: ToolCall) -> ToolOutput:
        # The host has checked the arguments against the tool's schema.
        arguments = json.loads(call.arguments())
        try:
            match call.tool():
                case "measure":
                    return measure(arguments["text"])
                case "written":
                    return written(arguments["text"])
                case unknown:
                    raise Err(types.ToolError_InvalidArguments(f"there is no tool {unknown}"))
        except Err as error:
            raise Err(tool_error(error.value)) from error
        except Exception as mistake:
            raise Err(types.ToolError_Failed(f"{type(mistake).__name__}: {mistake}")) from mistake


def measure(content: str) -> ToolOutput:
    found = text.measure(content)
    if found.words == 0:
        raise Err(types.ToolError_InvalidArguments("there is no word in the text"))
    return ToolOutput(
        content=[Content_Text(f"{found.words} words, {found.sentences} sentences, {found.seconds} s to read")],
        structured=json.dumps(asdict(found)),
    )


def written(content: str) -> ToolOutput:
    total = progress.add(text.words(content))
    return ToolOutput(content=[Content_Text(f"{total} words so far")], structured=None)


def tool_error(error) -> types.ToolError:
    """What the model is told of an error of this skill or of the host."""
    match error:
        case key_value.Error_AccessDenied():
            return types.ToolError_NotConfigured("key-value is not granted to this skill")
        case key_value.Error_TooLarge() | key_value.Error_Other():
            return types.ToolError_Failed(error.value)
        case _:
            return error
