// A mail server for tests, as mail_server.py is and with its options and addresses, but of another
// make: npm's smtp-server. It understands all of them but --greeting-hangs.
import fs from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {parseArgs} from 'node:util';

const require = createRequire(path.join(process.env.NODE_PATH, 'x.js'));
const {SMTPServer} = require('smtp-server');
const {SMTPConnection} = require('smtp-server/lib/smtp-connection.js');

const {values: options, positionals: [directory]} = parseArgs({
    allowPositionals: true,
    options: {
        certificate: {type: 'string'},
        implicit: {type: 'boolean', default: false},
        auth: {type: 'string'},
        'per-connection': {type: 'string', default: '0'},
        'mail-code': {type: 'string', default: ''},
    },
});
const words = {
    550: '5.1.1 no such user',
    554: '5.7.1 looks like spam',
    450: '4.2.0 greylisted',
    451: '4.3.0 not now',
    452: '4.2.2 mailbox full',
    421: '4.3.2 closing',
    552: '5.3.4 too big',
};

function refusal(code, text) {
    return Object.assign(
        new Error(text ?? words[code] ?? 'as you wish'), {responseCode: Number(code)});
}

const cut =
    (session) => [...server.connections].find((c) => c.id === session.id)?._socket.destroy();

// What an address asks for at this stage. @returns whether that was all.
function met(stage, address, session, done) {
    const [wish, what] = address.split('@')[0].split('+')[0].split('-');
    if (wish === stage && what) {
        done(refusal(what));
    } else if (what === stage && wish === 'drop') {
        cut(session);
    } else if (!(what === stage && wish === 'hang')) {
        return false;
    }
    return true;
}

// It has no hook there.
const takeData = SMTPConnection.prototype.handler_DATA;
SMTPConnection.prototype.handler_DATA = function(command, callback) {
    const recipient = this.session.envelope.rcptTo[0]?.address ?? '';
    const answer = (error) => {
        this.send(error.responseCode, error.message);
        callback();
    };
    if (!met('data', recipient, this.session, answer)) takeData.call(this, command, callback);
};

const pem = options.certificate ? fs.readFileSync(options.certificate) : undefined;
const server = new SMTPServer({
    name: 'mail.test',
    secure: options.implicit,
    key: pem,
    cert: pem,
    disabledCommands: [...(pem ? [] : ['STARTTLS']), ...(options.auth ? [] : ['AUTH'])],
    authOptional: !options.auth,
    allowInsecureAuth: !pem,
    disableReverseLookup: true,
    onAuth(auth, session, done) {
        const isRight = `${auth.username}:${auth.password}` === options.auth;
        done(
            isRight ? null : refusal(535, '5.7.8 authentication failed'),
            isRight ? {user: auth.username} : undefined);
    },
    onMailFrom(address, session, done) {
        if (options['mail-code']) return done(refusal(options['mail-code']));
        const most = Number(options['per-connection']);
        if (most && (session.taken ?? 0) >= most)
            return done(refusal(452, '4.5.3 too many messages on this connection'));
        return done();
    },
    onRcptTo({address}, session, done) {
        if (!met('rcpt', address, session, done)) done();
    },
    onData(stream, session, done) {
        const parts = [];
        stream.on('data', (part) => parts.push(part));
        stream.on('end', () => {
            const recipient = session.envelope.rcptTo[0].address;
            if (met('end', recipient, session, done)) return;
            session.taken = (session.taken ?? 0) + 1;
            fs.appendFileSync(path.join(directory, 'taken'), `${JSON.stringify({
                                  from: session.envelope.mailFrom.address,
                                  to: session.envelope.rcptTo.map((r) => r.address),
                                  bytes: Buffer.concat(parts).toString('latin1'),
                                  tls: Boolean(session.secure),
                                  user: String(session.user ?? ''),
                              })}\n`);
            if (recipient.startsWith('lost-end'))
                cut(session);
            else
                done(null, '2.0.0 queued');
        });
    },
});
server.on('error', () => {});  // a client that hung up
server.listen(0, '127.0.0.1', () => {
    fs.writeFileSync(path.join(directory, 'port.new'), `${server.server.address().port}\n`);
    fs.renameSync(path.join(directory, 'port.new'), path.join(directory, 'port'));
});
