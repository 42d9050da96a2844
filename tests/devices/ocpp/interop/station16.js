// An independent OCPP-J client in strict mode, as a 1.6 station: boots, charges, obeys a limit, stops; prints one line when done.
// Usage: node station16.js <endpoint> <identity> <password>
const { RPCClient } = require('ocpp-rpc');

const [endpoint, identity, password] = process.argv.slice(2);
const seen = [];
const at = (minute) => `2026-05-01T08:${String(minute).padStart(2, '0')}:00Z`;

async function main() {
  const client = new RPCClient({ endpoint, identity, password, protocols: ['ocpp1.6'], strictMode: true, reconnect: false });
  client.on('strictValidationFailure', ({ error }) => { console.error('strict', error); process.exit(3); });
  let profile;
  let released;
  const free = new Promise((resolve) => { released = resolve; });
  client.handle('GetConfiguration', ({ params }) => ({
    configurationKey: [{ key: params.key[0], readonly: true, value: 'Current' }],
  }));
  client.handle('ChangeConfiguration', ({ params }) => { seen.push(`${params.key}=${params.value}`); return { status: 'Accepted' }; });
  client.handle('SetChargingProfile', ({ params }) => { profile = params.csChargingProfiles; seen.push('set'); return { status: 'Accepted' }; });
  client.handle('GetCompositeSchedule', ({ params }) => ({
    status: 'Accepted',
    connectorId: params.connectorId,
    scheduleStart: at(5),
    chargingSchedule: {
      duration: params.duration, chargingRateUnit: 'A',
      chargingSchedulePeriod: profile.chargingSchedule.chargingSchedulePeriod,
    },
  }));
  client.handle('ClearChargingProfile', () => { seen.push('clear'); setTimeout(released, 0); return { status: 'Accepted' }; });
  await client.connect();
  const boot = await client.call('BootNotification', {
    chargePointModel: 'rpc', chargePointVendor: 'independent', chargePointSerialNumber: 's1',
  });
  const status = (what, minute) => client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: what, timestamp: at(minute) });
  await status('Preparing', 4);
  const begun = await client.call('StartTransaction', { connectorId: 1, idTag: 'tag', meterStart: 500, timestamp: at(5) });
  await status('Charging', 5);
  await client.call('MeterValues', {
    connectorId: 1,
    transactionId: begun.transactionId,
    meterValue: [{ timestamp: at(6), sampledValue: [
      { value: '6', measurand: 'Current.Import', phase: 'L1', unit: 'A' },
      { value: '230', measurand: 'Voltage', phase: 'L1-N', unit: 'V' },
      { value: '0.51', measurand: 'Energy.Active.Import.Register', unit: 'kWh' },
    ] }],
  });
  await free;
  await client.call('StopTransaction', { transactionId: begun.transactionId, meterStop: 1200, timestamp: at(15), reason: 'EVDisconnected' });
  await status('Available', 15);
  const refused = await client.call('SignCertificate', { csr: 'x' }).then(() => 'answered', (error) => error.rpcErrorCode);
  console.log(JSON.stringify({ boot, seen, profile, refused, started: begun }));
  await client.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
