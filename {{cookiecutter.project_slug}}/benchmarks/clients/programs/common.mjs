// Runs the checks of one client and prints what came of each as JSON.
import { readFileSync } from "node:fs";

export const URL_V1 = `${process.env.CLIENT_URL}/v1`;
export const KEY = process.env.CLIENT_KEY;
export const POOR = process.env.CLIENT_POOR_KEY;
export const WHO = "Who built the lighthouse of Karlen?";
export const BUILDER = "Marta Holm";
export const OFF_TOPIC = "How do volcanoes form on Io?";
export const REFUSAL = "nothing in the documents";
export const NO_MODEL = "there is no model";
export const NORTH = "Karlen is north";
export const NO_MONEY = "budget";

export const has = (text, words = BUILDER) =>
  String(text).includes(words) ? "works" : `failed: ${String(text).slice(0, 300)} does not hold ${words}`;

export async function errorOf(call, words) {
  try {
    return `failed: there was no error, but ${JSON.stringify(await call()).slice(0, 200)}`;
  } catch (error) {
    return String(error).toLowerCase().includes(words) ? "works" : `failed: the error is ${String(error).slice(0, 300)}`;
  }
}

export async function optional(call, words = BUILDER) {
  try {
    return has(await call(), words);
  } catch (error) {
    const refused = [400, 422].includes(error.status ?? error.statusCode ?? 0);
    return refused ? `refused: ${String(error).slice(0, 200)}` : `failed: ${String(error).slice(0, 300)}`;
  }
}

export async function run(name, checks) {
  const found = {};
  for (const [each, check] of Object.entries(checks)) {
    try {
      found[each] = await check();
    } catch (error) {
      found[each] = `failed: ${String(error).slice(0, 300)}`;
    }
  }
  const lock = JSON.parse(readFileSync(new URL("package-lock.json", import.meta.url)));
  console.log(JSON.stringify({ version: lock.packages[`node_modules/${name}`].version, checks: found }));
}
