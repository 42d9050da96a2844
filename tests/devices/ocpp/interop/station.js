// An independent OCPP-J client in strict mode: boots, charges, obeys a limit, unplugs; prints one line when done.
// Usage: node station.js <endpoint> <identity> <password>
const { RPCClient } = require('ocpp-rpc');

const [endpoint, identity, password] = process.argv.slice(2);
const seen = [];
const at = (minute) => `2026-05-01T08:${String(minute).padStart(2, '0')}:00Z`;
const meter = (minute, watts, wattHours) => [{
  timestamp: at(minute),
  sampledValue: [
    { value: watts / 1000, measurand: 'Power.Active.Import', unitOfMeasure: { unit: 'kW' } },
    { value: wattHours, measurand: 'Energy.Active.Import.Register', unitOfMeasure: { unit: 'Wh' } },
  ],
}];

async function main() {
  const client = new RPCClient({ endpoint, identity, password, protocols: ['ocpp2.0.1'], strictMode: true, reconnect: false });
  client.on('strictValidationFailure', ({ error }) => { console.error('strict', error); process.exit(3); });
  let profile;
  let released;
  const free = new Promise((resolve) => { released = resolve; });
  client.handle('GetBaseReport', () => ({ status: 'NotSupported' }));
  client.handle('SetChargingProfile', ({ params }) => { profile = params.chargingProfile; seen.push('set'); return { status: 'Accepted' }; });
  client.handle('GetCompositeSchedule', ({ params }) => ({
    status: 'Accepted',
    schedule: {
      evseId: params.evseId, duration: params.duration, scheduleStart: at(5), chargingRateUnit: 'W',
      chargingSchedulePeriod: profile.chargingSchedule[0].chargingSchedulePeriod,
    },
  }));
  client.handle('ClearChargingProfile', () => { seen.push('clear'); setTimeout(released, 0); return { status: 'Accepted' }; });
  await client.connect();
  const boot = await client.call('BootNotification', {
    reason: 'PowerUp', chargingStation: { model: 'rpc', vendorName: 'independent', serialNumber: 's1' },
  });
  await client.call('StatusNotification', { timestamp: at(0), connectorStatus: 'Occupied', evseId: 1, connectorId: 1 });
  const event = (eventType, triggerReason, seqNo, meterValue) => client.call('TransactionEvent', {
    eventType, triggerReason, seqNo, meterValue, timestamp: meterValue[0].timestamp, transactionInfo: { transactionId: 'tx-1' },
  });
  await event('Started', 'CablePluggedIn', 0, meter(5, 0, 500));
  await client.call('NotifyEVChargingNeeds', {
    evseId: 1,
    chargingNeeds: {
      requestedEnergyTransfer: 'AC_three_phase', departureTime: '2026-05-01T12:00:00Z',
      acChargingParameters: { energyAmount: 12000, evMinCurrent: 6, evMaxCurrent: 16, evMaxVoltage: 230 },
    },
  });
  await free;
  await event('Ended', 'EVDeparted', 1, meter(15, 4.0 * 1000, 1200));
  const refused = await client.call('ReservationStatusUpdate', { reservationId: 1, reservationUpdateStatus: 'Expired' })
    .then(() => 'answered', (error) => error.rpcErrorCode);
  console.log(JSON.stringify({ boot, seen, limit: profile.chargingSchedule[0].chargingSchedulePeriod[0].limit, validTo: profile.validTo, refused }));
  await client.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
