import OpenAI from "openai";
import { BUILDER, KEY, NO_MODEL, NO_MONEY, NORTH, OFF_TOPIC, POOR, REFUSAL, URL_V1, WHO, errorOf, has, optional, run } from "./common.mjs";

const client = new OpenAI({ baseURL: URL_V1, apiKey: KEY, maxRetries: 0 });
const poor = new OpenAI({ baseURL: URL_V1, apiKey: POOR, maxRetries: 0 });
const ask = (content = WHO, more = {}, by = client) =>
  by.chat.completions.create({ model: "default", messages: [{ role: "user", content }], ...more });

async function stream() {
  let text = "";
  for await (const piece of await ask(WHO, { stream: true })) text += piece.choices[0]?.delta?.content ?? "";
  return text;
}

async function responsesStream() {
  let text = "";
  for await (const event of await client.responses.create({ model: "default", input: WHO, stream: true }))
    if (event.type === "response.output_text.delta") text += event.delta;
  return text;
}

const schema = { type: "object", properties: { name: { type: "string" } }, required: ["name"], additionalProperties: false };
const format = { type: "json_schema", json_schema: { name: "builder", schema, strict: true } };
const place = { type: "object", properties: { place: { type: "string" } }, required: ["place"] };
const tool = { type: "function", function: { name: "look_in_a_map", parameters: place } };

async function tools() {
  const called = (await ask(WHO, { tools: [tool] })).choices[0].message;
  const [call] = called.tool_calls;
  const result = { role: "tool", tool_call_id: call.id, content: `${JSON.parse(call.function.arguments).place} is north.` };
  const messages = [{ role: "user", content: WHO }, called, result];
  return (await client.chat.completions.create({ model: "default", messages, tools: [tool] })).choices[0].message.content;
}

await run("openai", {
  answer: async () => has((await ask()).choices[0].message.content),
  stream: async () => has(await stream()),
  refusal: async () => has((await ask(OFF_TOPIC)).choices[0].message.content, REFUSAL),
  citations: async () => has(JSON.stringify((await ask()).answer.citations), "https://docs.example.org/lighthouse"),
  error: () => errorOf(() => ask(WHO, { model: "none" }), NO_MODEL),
  budget: () => errorOf(() => ask(WHO, {}, poor), NO_MONEY),
  responses: async () => has((await client.responses.create({ model: "default", input: WHO })).output_text),
  "responses stream": async () => has(await responsesStream()),
  annotations: async () =>
    has(JSON.stringify((await client.responses.create({ model: "extractive", input: WHO })).output), "url_citation"),
  "structured output": () =>
    optional(async () => JSON.parse((await ask(WHO, { response_format: format })).choices[0].message.content).name, BUILDER),
  "own tools": () => optional(tools, NORTH),
});
