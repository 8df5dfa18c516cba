// Whether a bcrypt library takes these passwords for these hashes: its folder is the argument, pairs are on standard input.
const bcrypt = require(process.argv[2]);
let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (part) => (text += part));
process.stdin.on('end', async () => {
  const answers = await Promise.all(JSON.parse(text).map(([password, hash]) => bcrypt.compare(password, hash)));
  console.log(JSON.stringify(answers));
});
