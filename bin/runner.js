'use strict';
// The runner as a program: node runner.js --data-dir DIR --socket PATH --cache-dir DIR
require('./start.js')('runner', 'runner');
