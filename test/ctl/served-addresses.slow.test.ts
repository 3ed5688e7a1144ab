// Commands once more, each with a daemon that serves the store: what they print, and how they end, is the same.

import { serveStores } from './serving.ts';

serveStores('addresses');
await import('./address.test.ts');
await import('./token.test.ts');
await import('./thread.test.ts');
await import('./notify.test.ts');
