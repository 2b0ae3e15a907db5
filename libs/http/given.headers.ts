import type { ServerResponse } from 'node:http';

/** Names and values in turn, as `writeHead` takes them. */
export type HeaderList = readonly (string | number)[];

const GIVEN = Symbol('given headers');

interface Answer extends ServerResponse {
  [GIVEN]?: HeaderList;
}

/**
 * Gives an answer headers that are written with its head, all at once: to set each costs more than twice as much
 * (docs/results/profile.md). One that is set as well, by whoever answers, stands as it was set.
 * @param headers of other names than those given before
 */
export function giveHeaders(response: ServerResponse, headers: HeaderList): void {
  const answer = response as Answer;
  answer[GIVEN] = answer[GIVEN] ? [...answer[GIVEN], ...headers] : headers;
}

/** @returns the value that an answer was given under a name, in the letters in which it was given */
export function givenHeader(response: ServerResponse, name: string): string | number | undefined {
  const given = givenHeaders(response);
  const at = given.findIndex((one, index) => index % 2 === 0 && one === name);
  return at < 0 ? undefined : given[at + 1];
}

/** Those an answer was given. */
export function givenHeaders(response: ServerResponse): HeaderList {
  return (response as Answer)[GIVEN] ?? [];
}

/** Sets what was given one by one, for an answer of which some headers are set. */
export function setGivenHeaders(response: ServerResponse): void {
  const given = givenHeaders(response);
  for (let at = 0; at < given.length; at += 2) {
    const name = String(given[at]);
    if (!response.hasHeader(name)) response.setHeader(name, given[at + 1] ?? '');
  }
}
