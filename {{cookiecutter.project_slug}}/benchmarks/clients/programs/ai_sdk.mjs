import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { BUILDER, KEY, NO_MODEL, NO_MONEY, NORTH, OFF_TOPIC, POOR, REFUSAL, URL_V1, WHO, errorOf, has, optional, run } from "./common.mjs";

const compatible = (key = KEY) => createOpenAICompatible({ name: "service", baseURL: URL_V1, apiKey: key });
const responses = createOpenAI({ baseURL: URL_V1, apiKey: KEY });
const ask = (prompt = WHO, model = compatible()("default"), more = {}) => generateText({ model, prompt, maxRetries: 0, ...more });

async function stream(model) {
  let text = "";
  for await (const piece of streamText({ model, prompt: WHO, maxRetries: 0 }).textStream) text += piece;
  return text;
}

const map = tool({
  description: "Looks a place up in a map.",
  inputSchema: z.object({ place: z.string() }),
  execute: async ({ place }) => `${place} is north.`,
});

await run("ai", {
  answer: async () => has((await ask()).text),
  stream: async () => has(await stream(compatible()("default"))),
  refusal: async () => has((await ask(OFF_TOPIC)).text, REFUSAL),
  error: () => errorOf(() => ask(WHO, compatible()("none")), NO_MODEL),
  budget: () => errorOf(() => ask(WHO, compatible(POOR)("default")), NO_MONEY),
  responses: async () => has((await ask(WHO, responses("default"))).text),
  "responses stream": async () => has(await stream(responses("default"))),
  annotations: async () => has(JSON.stringify((await ask(WHO, responses("extractive"))).sources), "https://docs.example.org"),
  "structured output": () =>
    optional(
      async () =>
        (await generateObject({ model: compatible()("default"), schema: z.object({ name: z.string() }), prompt: WHO, maxRetries: 0 }))
          .object.name,
      BUILDER,
    ),
  "own tools": () =>
    optional(async () => (await ask(WHO, undefined, { tools: { look_in_a_map: map }, stopWhen: stepCountIs(3) })).text, NORTH),
});
