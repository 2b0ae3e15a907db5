import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';

/** What Express's router keeps of a middleware or of a route. */
export interface RouterLayer {
  readonly handle: RequestHandler | ErrorRequestHandler;
  /** A middleware for every path. */
  readonly slash: boolean;
  readonly route?: Route;
  match(path: string): unknown;
}

interface Route {
  readonly path: unknown;
  readonly methods: Readonly<Record<string, boolean>>;
  readonly stack: readonly { readonly handle: RequestHandler }[];
}

interface DirectRoute {
  readonly route: Route;
  /** The middlewares before the route, then its handler. */
  readonly steps: readonly RequestHandler[];
}

/** A path without parameters or patterns. */
const FIXED = /^(\/[\w.-]+)+$/;

/**
 * Routes of fixed path, found by their path. Express tries its layers one after another, some fifty for a late route;
 * here the same middlewares and handlers run in the same order, without the search.
 */
export class DirectRoutes {
  readonly #routes = new Map<string, DirectRoute>();
  readonly #onError: ErrorRequestHandler;

  /** @param layers those of Express's router, when everything is registered; the handler of errors is the last of them */
  constructor(layers: readonly RouterLayer[]) {
    const [onError, ...others] = layers.map(({ handle }) => handle).filter(isErrorHandler);
    if (!onError || others.length > 0) throw new Error('direct routes need one handler of errors');
    this.#onError = onError;
    for (const [at, { route }] of layers.entries()) {
      if (!route || typeof route.path !== 'string' || !FIXED.test(route.path) || route.stack.length !== 1) continue;
      for (const method of Object.keys(route.methods)) {
        const before = layers.slice(0, at).filter((other) => takes(other, method, route.path as string));
        // Another route or middleware wants to see just this path first: left to Express.
        if (before.some(({ slash }) => !slash)) continue;
        const handles = [...before.map(({ handle }) => handle), ...route.stack.map(({ handle }) => handle)];
        const steps = handles.filter((handle): handle is RequestHandler => !isErrorHandler(handle));
        this.#routes.set(`${method.toUpperCase()} ${route.path}`, { route, steps });
      }
    }
  }

  /**
   * Answers a request, if its path is just that of a route; one in another form (letters in another case, a slash at
   * the end, percent-encoded) is for Express to match.
   * @returns whether it was taken
   */
  take(request: Request, response: Response): boolean {
    const { method, url } = request;
    const query = url.indexOf('?');
    const found = this.#routes.get(`${method} ${query < 0 ? url : url.slice(0, query)}`);
    if (!found) return false;
    this.#run(found, request, response);
    return true;
  }

  #run({ route, steps }: DirectRoute, request: Request, response: Response): void {
    const fail = (error: unknown): void => {
      this.#fail(error, request, response);
    };
    let at = 0;
    const next = (error?: unknown): void => {
      if (error) {
        fail(error);
        return;
      }
      const step = steps[at++];
      if (at === steps.length) request.route = route;
      try {
        if (!step) throw new Error(`the handler of ${request.method} ${String(route.path)} did not answer`);
        const done: unknown = step(request, response, next);
        if (done instanceof Promise) done.catch(fail);
      } catch (thrown) {
        fail(thrown);
      }
    };
    next();
  }

  #fail(error: unknown, request: Request, response: Response): void {
    // Where not even an error can be told, there is nothing left to say.
    const giveUp = (): void => {
      response.destroy();
    };
    try {
      const done: unknown = this.#onError(error, request, response, giveUp);
      if (done instanceof Promise) done.catch(giveUp);
    } catch {
      giveUp();
    }
  }
}

function isErrorHandler(handle: RequestHandler | ErrorRequestHandler): handle is ErrorRequestHandler {
  return handle.length === 4;
}

function takes(layer: RouterLayer, method: string, path: string): boolean {
  const { methods = { _all: true } } = layer.route ?? {};
  return (methods['_all'] === true || methods[method] === true) && layer.match(path) !== false;
}
