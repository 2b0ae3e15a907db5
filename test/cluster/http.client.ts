export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [field: string]: Json;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Empty where the answer is no JSON object. */
  readonly body: JsonObject;
  readonly text: string;
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Sent as it is, so that it can also be wrong. */
  readonly text?: string;
}

/**
 * One request over connections that are kept for the next.
 * @throws Error where no answer came (refused, cut, aborted); any answer, a 503 too, is returned
 */
export async function request(method: string, url: string, options: RequestOptions = {}): Promise<Answer> {
  const { text: sent, headers, signal } = options;
  const response = await fetch(url, {
    method,
    ...(headers && { headers }),
    ...(signal && { signal }),
    ...(sent !== undefined && { body: sent }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: asObject(text), text };
}

export async function get(url: string, options: RequestOptions = {}): Promise<Answer> {
  return await request('GET', url, options);
}

export async function post(url: string, json: Json, options: RequestOptions = {}): Promise<Answer> {
  const headers = { 'content-type': 'application/json', ...options.headers };
  return await request('POST', url, { ...options, headers, text: JSON.stringify(json) });
}

function asObject(text: string): JsonObject {
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {};
  }
}
