import { fileURLToPath } from 'node:url';
import type { Type } from '@nestjs/common';
import { VERSION } from '#lib/config';
import { headersOf, needOf, requestSchema, sharedSchemas, type Need, type Schema } from '#lib/http';
import {
  everywhere,
  headerRefs,
  headers,
  introduction,
  problemRefs,
  problemResponses,
  securitySchemes,
  tags,
} from './common.parts.js';
import { librarysRoutes, operationsBeside } from './other.operations.js';
import { routesOf, type Route } from './routes.js';
import { SourceReader, type MemberSource } from './source.reader.js';

const ROOT = new URL('../../', import.meta.url);

/**
 * The OpenAPI document of an application: its routes as Nest has them; requests from the decorators that judge them;
 * answers from the types that handlers return; words from the comments on both.
 */
export function openapiDocument(module: Type): Schema {
  const main = fileURLToPath(new URL('apps/sync-node/main.ts', ROOT));
  const source = new SourceReader(main, fileURLToPath(new URL('tsconfig.json', ROOT)));
  const requests: Record<string, Schema> = {};
  const paths: Record<string, Record<string, Schema>> = {};
  const add = (method: string, path: string, operation: Schema) => {
    const documented = path.replaceAll(/:(\w+)/g, '{$1}');
    (paths[documented] ??= {})[method.toLowerCase()] = operation;
  };
  for (const route of routesOf(module)) add(route.method, route.path, operationOf(route, source, requests));
  for (const [call, answer] of Object.entries(operationsBeside)) {
    const [method = '', path = ''] = call.split(' ');
    add(method, path, {
      ...frameOf(method, path, answer.summary ?? ''),
      responses: responsesOf(method, path, answer, false),
    });
  }
  const problem = source.member('Problem', 'toDocument')?.answer ?? {};
  const schemas = {
    ...Object.fromEntries(sharedSchemas()),
    ...requests,
    ...source.definitions,
    Problem: problem,
  };
  return {
    openapi: '3.1.1',
    info: {
      title: 'distributed-sync-system',
      version: VERSION,
      description: introduction,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    tags,
    paths: sorted(paths),
    components: { securitySchemes, headers, responses: problemResponses(), schemas: sorted(schemas) },
  };
}

interface Answer {
  readonly description: string;
  readonly content?: Schema;
  readonly headers?: readonly string[];
  /** Further statuses with an answer of the same form. */
  readonly also?: Readonly<Record<number, string>>;
  /** Further problems. */
  readonly problems?: readonly number[];
}

function operationOf(route: Route, source: SourceReader, requests: Record<string, Schema>): Schema {
  const { method, path, controller, name, body, query, handler } = route;
  const library = librarysRoutes[`${method} ${path}`];
  const member = source.member(controller.name, name);
  const answer: Answer = {
    description: 'Done, or why not.',
    content: contentOf(route, member),
    headers: headersOf(handler),
    ...library,
  };
  const describe = (requestClass: Type, field: string) => {
    const description = source.member(requestClass.name, field)?.description ?? '';
    return description === '' ? {} : { description };
  };
  const schemaName = body && `${body.name.replace(/Dto$/, '')}Request`;
  if (body && schemaName !== undefined) requests[schemaName] = requestSchema(body, describe);
  const parameters = [...pathParameters(path), ...(query ? queryParameters(requestSchema(query, describe)) : [])];
  return {
    ...frameOf(method, path, library?.summary ?? member?.description ?? ''),
    ...(parameters.length > 0 && { parameters }),
    ...(schemaName !== undefined && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { $ref: `#/components/schemas/${schemaName}` } } },
      },
    }),
    responses: responsesOf(method, path, answer, body !== undefined || query !== undefined),
  };
}

/** What all operations begin with. */
function frameOf(method: string, path: string, comment: string): Schema {
  const need = needOf(method, path) ?? ['admin'];
  const [summary = ''] = comment.split(/(?<=[.;:])\s/, 1);
  const words = [comment.replaceAll(/\s+/g, ' '), needInWords(need)].filter((part) => part !== '');
  return {
    operationId: idOf(method, path),
    tags: [tagOf(path)],
    summary: summary.replace(/[.;:]$/, ''),
    description: words.join('\n\n'),
    security: securityOf(need),
  };
}

/** One of them is enough. */
function securityOf(need: Need): Schema[] {
  if (need === 'nothing') return [];
  return need === 'token' ? [{ bearer: [] }] : need.map((scope) => ({ bearer: [scope] }));
}

function needInWords(need: Need): string {
  if (need === 'nothing') return 'Needs no token.';
  if (need === 'token') return 'Needs any token, where tokens are configured.';
  return `Needs the scope ${need.map((scope) => `\`${scope}\``).join(' or ')}, where tokens are configured.`;
}

function responsesOf(method: string, path: string, answer: Answer, hasFields: boolean): Schema {
  const { description, content, also = {}, problems = [] } = answer;
  const need = needOf(method, path) ?? ['admin'];
  const isWatcher = path === '/metrics' || path.startsWith('/health');
  const statuses = [
    ...(hasFields ? [400] : []),
    ...(need === 'nothing' ? [] : [401]),
    ...(typeof need === 'string' ? [] : [403]),
    ...(method === 'POST' ? [413, 415] : []),
    ...(isWatcher ? [] : [429, 503]),
    ...problems,
  ];
  const done = { headers: headerRefs([...everywhere, ...(answer.headers ?? [])]), ...(content && { content }) };
  return {
    200: { description, ...done },
    ...Object.fromEntries(Object.entries(also).map(([status, words]) => [status, { description: words, ...done }])),
    ...problemRefs(statuses.sort((a, b) => a - b)),
  };
}

function contentOf({ contentType }: Route, member: MemberSource | undefined): Schema {
  const { answer, isStream } = member ?? {};
  if (!answer) return { [contentType ?? '*/*']: {} };
  if (isStream === true) return { 'text/event-stream': { schema: { type: 'string' }, 'x-event-data': answer } };
  return { [contentType ?? 'application/json']: { schema: contentType === 'text/html' ? { type: 'string' } : answer } };
}

function pathParameters(path: string): Schema[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(schema: Schema): Schema[] {
  const required = (schema['required'] ?? []) as string[];
  return Object.entries(schema['properties'] as Record<string, Schema>).map(([name, { description, ...form }]) => ({
    name,
    in: 'query',
    ...(required.includes(name) && { required: true }),
    ...(description !== undefined && { description }),
    schema: form,
  }));
}

/** `POST /lock/acquire-many` is `postLockAcquireMany`. */
function idOf(method: string, path: string): string {
  const words = path.split(/[^a-z]+/i).filter(Boolean);
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function tagOf(path: string): string {
  const service = /^\/(lock|queue|cache)/.exec(path)?.[1];
  return service === undefined ? 'node' : service === 'cache' ? service : `${service}s`;
}

function sorted<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
