// Writes lines to a file that is begun anew all the time: log-writes.ts FILE WRITER COUNT.
import { RotatedFile } from '#runner/rotated-file.ts';

const [file = '', writer = '', count = '0'] = process.argv.slice(2);
const rotated = new RotatedFile(file, { rotation: { bytes: 4_000 }, retention: { files: 1_000 } });
for (let line = 0; line < Number(count); line += 4) {
  const lines = [0, 1, 2, 3].map((offset) => `writer ${writer} line ${line + offset} end\n`);
  rotated.write(lines.join(''));
}
rotated.close();
