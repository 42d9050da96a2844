"""What each number in a ReadingType code means: the enumerations of IEC 61968-9 annex C, field by field.

Only the standard's numbers and names stand here; `reading_type` reads and builds codes with them. The names are those
of CIM's MeasuringPeriodKind, AccumulationKind, FlowDirectionKind, ... (in the CIM they are values, in the code numbers).
"""

from __future__ import annotations


def _table(text: str) -> dict[int, str]:
    """`{number: name}` from `number name` pairs."""
    words = text.split()
    return {int(number): name for number, name in zip(words[::2], words[1::2], strict=True)}


MACRO_PERIODS = _table("0 none 8 billingPeriod 11 daily 13 monthly 22 seasonal 24 weekly 32 specifiedPeriod")

AGGREGATES = _table(
    """0 none 2 average 4 excess 5 highThreshold 7 lowThreshold 8 maximum 9 minimum 11 nominal 12 normal
    16 secondMaximum 17 secondMinimum 23 thirdMaximum 24 fourthMaximum 25 fifthMaximum 26 sum"""
)

MEASURING_PERIODS = _table(
    """0 none 1 tenMinute 2 fifteenMinute 3 oneMinute 4 twentyFourHour 5 thirtyMinute 6 fiveMinute 7 sixtyMinute
    10 twoMinute 14 threeMinute 15 present 16 previous 31 twentyMinute 50 fixedBlock60Min 51 fixedBlock30Min
    52 fixedBlock20Min 53 fixedBlock15Min 54 fixedBlock10Min 55 fixedBlock5Min 56 fixedBlock1Min
    57 rollingBlock60MinIntvl30MinSubIntvl 58 rollingBlock60MinIntvl20MinSubIntvl
    59 rollingBlock60MinIntvl15MinSubIntvl 60 rollingBlock60MinIntvl12MinSubIntvl
    61 rollingBlock60MinIntvl10MinSubIntvl 62 rollingBlock60MinIntvl6MinSubIntvl
    63 rollingBlock60MinIntvl5MinSubIntvl 64 rollingBlock60MinIntvl4MinSubIntvl
    65 rollingBlock30MinIntvl15MinSubIntvl 66 rollingBlock30MinIntvl10MinSubIntvl
    67 rollingBlock30MinIntvl6MinSubIntvl 68 rollingBlock30MinIntvl5MinSubIntvl
    69 rollingBlock30MinIntvl3MinSubIntvl 70 rollingBlock30MinIntvl2MinSubIntvl
    71 rollingBlock15MinIntvl5MinSubIntvl 72 rollingBlock15MinIntvl3MinSubIntvl
    73 rollingBlock15MinIntvl1MinSubIntvl 74 rollingBlock10MinIntvl5MinSubIntvl
    75 rollingBlock10MinIntvl2MinSubIntvl 76 rollingBlock10MinIntvl1MinSubIntvl
    77 rollingBlock5MinIntvl1MinSubIntvl"""
)

ACCUMULATIONS = _table(
    """0 none 1 bulkQuantity 2 continuousCumulative 3 cumulative 4 deltaData 6 indicating 9 summation 10 timeDelay
    12 instantaneous 13 latchingQuantity 14 boundedQuantity"""
)

FLOW_DIRECTIONS = _table(
    """0 none 1 forward 2 lagging 3 leading 4 net 5 q1plusQ2 7 q1plusQ3 8 q1plusQ4 9 q1minusQ4 10 q2plusQ3
    11 q2plusQ4 12 q2minusQ3 13 q3plusQ4 14 q3minusQ2 15 quadrant1 16 quadrant2 17 quadrant3 18 quadrant4
    19 reverse 20 total 21 totalByPhase"""
)

COMMODITIES = _table(
    """0 none 1 electricitySecondaryMetered 2 electricityPrimaryMetered 3 communication 4 air 5 insulativeGas
    6 insulativeOil 7 naturalGas 8 propane 9 potableWater 10 steam 11 wastewater 12 heatingFluid 13 coolingFluid
    14 nonpotableWater 15 nox 16 so2 17 ch4 18 co2 19 carbon 20 hch 21 pfc 22 sf6 23 tvLicence 24 internet
    25 refuse"""
)

MEASUREMENT_KINDS = _table(
    """0 none 2 apparentPowerFactor 3 currency 4 current 5 currentAngle 6 currentImbalance 7 date 8 demand
    9 distance 10 distortionVoltAmperes 11 energization 12 energy 13 energizationLoadSide 14 fan 15 frequency
    16 fund 17 ieee1366ASAI 18 ieee1366ASIDI 19 ieee1366ASIFI 20 ieee1366CAIDI 21 ieee1366CAIFI 22 ieee1366CEMIn
    23 ieee1366CEMSMIn 24 ieee1366CTAIDI 25 ieee1366MAIFI 26 ieee1366MAIFIe 27 ieee1366SAIDI 28 ieee1366SAIFI
    31 lineLoss 32 loss 33 negativeSequence 34 phasorPowerFactor 35 phasorReactivePower 36 positiveSequence
    37 power 38 powerFactor 40 quantityPower 41 sag 42 swell 43 switchPosition 44 tapPosition 45 tariffRate
    46 temperature 47 totalHarmonicDistortion 48 transformerLoss 49 unipedeVoltageDip10to15
    50 unipedeVoltageDip15to30 51 unipedeVoltageDip30to60 52 unipedeVoltageDip60to90 53 unipedeVoltageDip90to100
    54 voltage 55 voltageAngle 56 voltageExcursion 57 voltageImbalance 58 volume 59 zeroFlowDuration
    60 zeroSequence 64 distortionPowerFactor 81 frequencyExcursion 90 applicationContext 91 apTitle 92 assetNumber
    93 bandwidth 94 batteryVoltage 95 broadcastAddress 96 deviceAddressType1 97 deviceAddressType2
    98 deviceAddressType3 99 deviceAddressType4 100 deviceClass 101 electronicSerialNumber 102 endDeviceID
    103 groupAddressType1 104 groupAddressType2 105 groupAddressType3 106 groupAddressType4 107 ipAddress
    108 macAddress 109 mfgAssignedConfigurationID 110 mfgAssignedPhysicalSerialNumber
    111 mfgAssignedProductNumber 112 mfgAssignedUniqueCommunicationAddress 113 multiCastAddress 114 oneWayAddress
    115 signalStrength 116 twoWayAddress 117 signaltoNoiseRatio 118 alarm 119 batteryCarryover
    120 dataOverflowAlarm 121 demandLimit 122 demandReset 123 diagnostic 124 emergencyLimit 125 encoderTamper
    126 ieee1366MomentaryInterruption 127 ieee1366MomentaryInterruptionEvent 128 ieee1366SustainedInterruption
    129 interruptionBehaviour 130 inversionTamper 131 loadInterrupt 132 loadShed 133 maintenance 134 physicalTamper
    135 powerLossTamper 136 powerOutage 137 powerQuality 138 powerRestoration 139 programmed 140 pushbutton
    141 relayActivation 142 relayCycle 143 removalTamper 144 reprogrammingTamper 145 reverseRotationTamper
    146 switchArmed 147 switchDisabled 148 tamper 149 watchdogTimeout 150 billLastPeriod 151 billToDate
    152 billCarryover 153 connectionFee 154 audibleVolume 155 volumetricFlow"""
)

# A to ground and neutral by bits: A 128, B 64, C 32, N 16 or 1; a second phase of a pair 8, 4, 2 (A, B, C).
PHASES = _table(
    """0 none 16 N 17 NG 32 C 33 CN 40 CA 41 CAN 64 B 65 BN 66 BC 97 BCN 128 A 129 AN 132 AB 136 AA 193 ABN
    224 ABC 225 ABCN 256 s2 257 s2N 512 s1 513 s1N 768 s12 769 s12N"""
)

# The prefix of the unit, by the power of ten.
MULTIPLIERS = {-12: "p", -9: "n", -6: "µ", -3: "m", -2: "c", -1: "d", 0: "", 1: "da", 2: "h", 3: "k"} | {
    6: "M",
    9: "G",
    12: "T",
}

UNITS = _table(
    """0 none 2 m 3 g 4 rotPers 5 A 6 K 7 mol 8 cd 9 deg 10 rad 11 sr 21 Gy 22 Bq 23 degC 24 Sv 25 F 27 s 28 H
    29 V 30 ohm 31 J 32 N 33 Hz 34 lx 35 lm 36 Wb 37 T 38 W 39 Pa 41 m2 42 m3 43 mPers 44 mPers2 45 m3Pers
    46 mPerm3 47 kgm 48 kgPerm3 49 m2Pers 50 WPermK 51 JPerK 53 S 54 radPers 61 VA 63 VAr 65 cosTheta 66 Vs
    67 V2 68 As 69 A2 70 A2s 71 VAh 72 Wh 73 VArh 74 VPerHz 75 HzPers 76 char 77 charPers 78 gm2 79 b 80 money
    81 WPers 82 lPers 100 Q 101 Qh 102 ohmm 103 APerm 104 V2h 105 A2h 106 Ah 107 WhPerm3 108 timeStamp 109 status
    111 count 113 Bm 114 code 115 WhPerRev 116 VArhPerRev 117 VAhPerRev 118 MeCode 119 ft3 120 ft3compensated
    123 ft3compensatedPerh 125 m3Perh 126 m3compensatedPerh 127 m3uncompensatedPerh 128 USGal 129 USGalPerh
    130 ImperialGal 131 ImperialGalPerh 132 Btu 133 BtuPerh 134 l 137 lPerh 138 lCompensatedPerh
    139 lUncompensatedPerh 140 PaG 141 psiA 142 psiG 143 lPerl 144 gPerg 145 molPerm3 146 molPermol 147 molPerkg
    148 mPerm 149 sPers 150 HzPerHz 151 VPerV 152 APerA 153 WPerVA 154 rev 155 PaA 156 lUncompensated
    157 lCompensated 158 kat 159 min 160 h 161 Q45 162 Q60 163 Q45h 164 Q60h 165 JPerkg 166 m3uncompensated
    167 m3compensated 168 WPerW 169 therm"""
)

# Seconds of one interval; of a rolling block the whole block counts. What is not listed has no fixed length.
PERIOD_S = {1: 600, 2: 900, 3: 60, 4: 86_400, 5: 1800, 6: 300, 7: 3600, 10: 120, 14: 180, 31: 1200} | {
    50: 3600,
    51: 1800,
    52: 1200,
    53: 900,
    54: 600,
    55: 300,
    56: 60,
}
PERIOD_S |= dict.fromkeys(range(57, 65), 3600) | dict.fromkeys(range(65, 71), 1800)
PERIOD_S |= dict.fromkeys(range(71, 74), 900) | dict.fromkeys(range(74, 77), 600) | {77: 300}

MACRO_PERIOD_S = {11: 86_400, 24: 604_800}
