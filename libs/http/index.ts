export { Credentials } from './access/credentials.service.js';
export { needOf, type Need } from './access/route.access.js';
export { headersOf, JsonText, SetsHeaders, type AnswerHeader, type EventsOf } from './answers.js';
export { clientGone } from './client.gone.js';
export { decodeCursor, encodeCursor } from './cursor.js';
export { Draining, NodeDraining } from './draining.js';
export { Beside, Optional, Or, Unless, When } from './field.rules.js';
export {
  field,
  Ignored,
  IsFlag,
  IsJson,
  IsName,
  IsNames,
  IsOneOf,
  IsRequestId,
  IsText,
  IsTexts,
  IsWhole,
  IsWholeText,
} from './fields.js';
export { givenHeader } from './given.headers.js';
export { HttpAdapter } from './http.adapter.js';
export { HttpModule } from './http.module.js';
export { setUpHttp } from './http.setup.js';
export { LoadShedder, type RequestKind, type ShedReason } from './load/load.shedder.js';
export { RateLimiter } from './load/rate.limiter.js';
export { Each, One } from './nested.fields.js';
export { NoQuery } from './no.query.js';
export { Problem } from './problem.js';
export { requestSchema, sharedSchemas, type Schema } from './request.schema.js';
