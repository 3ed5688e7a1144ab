// Commands once more, each with a daemon that serves the store: what they print, and how they end, is the same.

import { serveStores } from './serving.ts';

serveStores('users');
await import('./user.test.ts');
await import('./user-put.test.ts');
await import('./removal-commands.test.ts');
