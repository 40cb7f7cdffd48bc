// Connects to the server of a name at a port of this machine, by https and by
// fetch, and prints whether each took the certificate.
import dns from 'node:dns';
import https from 'node:https';

const [name, port] = process.argv.slice(-2);
const lookUp = dns.lookup;
dns.lookup = (host, options, done) => lookUp(host === name ? '127.0.0.1' : host, options, done);

// The codes of errors about certificates, as OpenSSL names them.
const refused = (error) => {
  for (let e = error, n = 0; e && n < 16; e = e.cause, n++) {
    if (/CERT|SIGNED|ISSUER|SIGNATURE|ALTNAME/.test(e.code ?? '')) return true;
  }
  return false;
};

const ask = async (library, call) => {
  try {
    await call();
    console.log(library, 'ok');
  } catch (error) {
    console.log(library, refused(error) ? 'untrusted' : 'failed');
  }
};

await ask('https', () => new Promise((done, failed) => {
  https.get({ host: name, port, servername: name, agent: false }, (answer) => { answer.resume(); done(); }).on('error', failed);
}));
if (globalThis.fetch) await ask('fetch', () => fetch(`https://${name}:${port}/`));
process.exit(0);
