import { ExpressAdapter } from '@bull-board/express';
import express from 'express';

/** The board's page asks another site for a font, which the security headers of a node's pages do not let it load. */
const FROM_ELSEWHERE = /<link [^>]*href="https:[^>]*>/g;

type Render = (file: string, values: object, done: (error: unknown, page?: string) => void) => void;

/** bull-board's way into Express, with the headers that all answers of a node have and no more. */
export class BoardAdapter extends ExpressAdapter {
  constructor() {
    super();
    this.app.disable('x-powered-by');
    this.app.disable('etag');
  }

  override setStaticPath(route: string, path: string): this {
    this.app.use(route, express.static(path, { etag: false, lastModified: false }));
    return this;
  }

  override setViewsPath(path: string): this {
    super.setViewsPath(path);
    const { '.ejs': render } = (this.app as unknown as { engines: Record<string, Render> }).engines;
    if (!render) throw new Error('bull-board renders its page in another way than before');
    this.app.engine('ejs', (file: string, values, done) => {
      render(file, values, (error, page) => {
        done(error, page?.replace(FROM_ELSEWHERE, ''));
      });
    });
    return this;
  }
}
