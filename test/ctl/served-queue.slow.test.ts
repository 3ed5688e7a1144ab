// Commands once more, each with a daemon that serves the store: what they print, and how they end, is the same.

import { serveStores } from './serving.ts';

serveStores('queue');
await import('./queue.test.ts');
await import('./bulk.test.ts');
await import('./retry-posted.test.ts');
