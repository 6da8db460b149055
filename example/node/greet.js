const crypto = require('crypto');
const zlib = require('zlib');

const name = process.argv[2] || 'world';
const packed = zlib.gunzipSync(zlib.gzipSync(name)).toString();
const digest = crypto.createHash('sha256').update(packed).digest('hex');
console.log(`Hello, ${packed}! ${digest.slice(0, 4)}`);
