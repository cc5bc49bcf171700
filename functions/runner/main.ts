// The runner as a program: node main.ts --data-dir DIR --socket PATH --cache-dir DIR
import { enableCompileCache } from 'node:module';

// As the command line does, which waits for this one: what was compiled is kept for the next start.
enableCompileCache();
await import('./run-program.ts');
