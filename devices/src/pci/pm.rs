//! PIIX4 function 3, 8086:7113 at 00:01.3: ACPI power management, the APM ports and the SMBus host (82371AB datasheet,
//! chapters 7.1-7.3 and 11). The ACPI registers follow the ACPI specification 1.0b, 4.7.
//!
//! The system control interrupt is IRQ 9. Writing F1h or F0h to port B2h turns ACPI mode on or off, as firmware's SMI
//! handler would. DEVACTB says "APMC generates SMI" from the start, which tells firmware that its SMI handler is in
//! place: this CPU has no system management mode. The SMBus has no slaves: every transaction ends with a device error.
//! Not modelled: idle timers, clock control, traps, GPI pins.

use super::config::{ConfigSpace, Field, INTERRUPT_LINE, identity};
use crate::ctx::{Ctx, ns_of_tick, ticks_at};
use crate::sched::EventId;
use serde::{Deserialize, Serialize};

/// Frequency of the power management timer, Hz.
pub const PM_TIMER_HZ: u64 = 3_579_545;
/// Ticks between changes of the timer's top bit.
const TIMER_HALF: u64 = 1 << 23;
const SCI_IRQ: u8 = 9;

/// Port of the APM control register; APM status follows.
pub const PORT_APMC: u16 = 0xB2;
/// Port of the APM status register.
pub const PORT_APMS: u16 = 0xB3;
/// First of the four ports of general purpose event block 0.
pub const PORT_GPE: u16 = 0xAFE0;

const APMC_ACPI_ENABLE: u8 = 0xF1;
const APMC_ACPI_DISABLE: u8 = 0xF0;

const PM_BASE: u8 = 0x40;
const PM_MISC: u8 = 0x80;
const SMB_BASE: u8 = 0x90;
const SMB_CONFIG: u8 = 0xD2;

/// PM1 status: the timer's top bit changed.
const TMR_STS: u16 = 1 << 0;
/// PM1 status: the firmware wants attention.
const GBL_STS: u16 = 1 << 5;
/// PM1 status: power button.
const PWRBTN_STS: u16 = 1 << 8;
/// PM1 status: RTC alarm.
const RTC_STS: u16 = 1 << 10;
/// PM1 status: woken up.
const WAK_STS: u16 = 1 << 15;
const STS_MASK: u16 = TMR_STS | 1 << 4 | GBL_STS | PWRBTN_STS | RTC_STS | WAK_STS;
/// Events that can interrupt.
const EN_MASK: u16 = TMR_STS | GBL_STS | PWRBTN_STS | RTC_STS;

/// PM1 control: events go to the SCI.
const SCI_EN: u16 = 1 << 0;
/// PM1 control: sleep (write only).
const SLP_EN: u16 = 1 << 13;
const CNT_MASK: u16 = SCI_EN | 1 << 1 | 7 << 10;

/// SMBus host status: no slave answered.
const SMB_DEVICE_ERROR: u8 = 0x04;
/// SMBus host status bits cleared by writing ones.
const SMB_STATUS_MASK: u8 = 0x1E;
/// SMBus host control: start.
const SMB_START: u8 = 0x40;

const IDENTITY: [Field; 3] = identity(0x8086, 0x7113, 0x068000, 0x03, 0x00);
const REGISTERS: [Field; 14] = [
    Field::command_status(0x0000, 0x0001, 0x0280),
    Field::new(INTERRUPT_LINE, 1, SCI_IRQ as u32, 0xFF),
    Field::fixed(0x3D, 1, 1),
    Field::new(PM_BASE, 4, 1, 0x0000_FFC0),
    Field::new(0x44, 4, 0, 0xFFFF_FFFF), // count A
    Field::new(0x48, 4, 0, 0xFFFF_FFFF),
    Field::new(0x4C, 4, 0, 0xFFFF_FFFF),
    Field::new(0x50, 4, 0, 0xFFFF_FFFF),           // device resource D
    Field::new(0x54, 4, 0, 0xFFFF_FFFF),           // device activity A
    Field::new(0x58, 4, 0x0200_0000, 0xFFFF_FFFF), // device activity B: APMC generates SMI
    // Device resources A to C: parallel port, COM1 and COM2 are there.
    Field::new(0x5C, 4, 0x9000_0000, 0xFFFF_FFFF),
    Field::new(0x60, 4, 0x6000_0000, 0xFFFF_FFFF),
    Field::new(0x64, 4, 0x9800_0000, 0xFFFF_FFFF),
    Field::new(PM_MISC, 1, 0, 0x01),
];
const SMB_REGISTERS: [Field; 2] = [Field::new(SMB_BASE, 4, 1, 0x0000_FFF0), Field::new(SMB_CONFIG, 4, 0, 0x00FF_FF0F)];
const LAYOUT: [&[Field]; 3] = [&IDENTITY, &REGISTERS, &SMB_REGISTERS];

/// What software asked of the power supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PowerRequest {
    /// Soft off (S5), or S4 after the image was written.
    Off,
    /// Suspend to RAM (S3).
    Suspend,
}

/// The SMBus host's registers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct SmBus {
    status: u8,
    control: u8,
    /// Command, address, data 0, data 1.
    registers: [u8; 4],
}

/// The function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerManagement {
    config: ConfigSpace,
    status: u16,
    enable: u16,
    control: u16,
    /// Timer tick at which the top bit changes next and sets `TMR_STS`.
    next_overflow: u64,
    /// General purpose status, enable; global status, enable, control; device status, control; processor control:
    /// storage at offsets 0Ch-37h of the block.
    storage: [[u8; 22]; 2],
    gpe: [u8; 4],
    apm: [u8; 2],
    smbus: SmBus,
    request: Option<PowerRequest>,
}

impl Default for PowerManagement {
    fn default() -> Self {
        Self {
            config: ConfigSpace::new(&LAYOUT),
            status: 0,
            enable: 0,
            control: 0,
            next_overflow: TIMER_HALF,
            storage: [[0; 22]; 2],
            gpe: [0; 4],
            apm: [0; 2],
            smbus: SmBus::default(),
            request: None,
        }
    }
}

impl PowerManagement {
    pub(super) fn get(&self, offset: u8) -> u8 {
        self.config.get(offset)
    }

    /// Writes a configuration byte; returns whether a port block moved.
    pub(super) fn write_config(&mut self, offset: u8, value: u8) -> bool {
        let old = (self.pm_base(), self.smbus_base());
        self.config.write(&LAYOUT, offset, value);
        (self.pm_base(), self.smbus_base()) != old
    }

    /// Hardware reset.
    pub(super) fn reset(&mut self, ctx: &mut Ctx) {
        *self = Self::default();
        self.next_overflow = next_half(ctx.now);
        self.update(ctx);
    }

    /// First port of the 64-byte ACPI block, when it is enabled.
    pub fn pm_base(&self) -> Option<u16> {
        let base = self.config.get16(PM_BASE) & 0xFFC0;
        (self.config.get(PM_MISC) & 1 != 0 && base != 0).then_some(base)
    }

    /// First port of the 16-byte SMBus block, when it is enabled.
    pub fn smbus_base(&self) -> Option<u16> {
        let base = self.config.get16(SMB_BASE) & 0xFFF0;
        (self.config.get(SMB_CONFIG) & 1 != 0 && base != 0).then_some(base)
    }

    /// What software asked for since the last call.
    pub fn take_request(&mut self) -> Option<PowerRequest> {
        self.request.take()
    }

    /// Whether an ACPI system is in charge of the power button.
    pub fn button_enabled(&self) -> bool {
        self.control & SCI_EN != 0 && self.enable & PWRBTN_STS != 0
    }

    /// The power button is pressed. Returns whether software will be told; if not, the power simply goes off.
    pub fn power_button(&mut self, ctx: &mut Ctx) -> bool {
        self.status |= PWRBTN_STS;
        self.update(ctx);
        self.button_enabled()
    }

    /// The machine wakes from suspend.
    pub fn wake(&mut self, ctx: &mut Ctx) {
        self.status |= WAK_STS;
        self.update(ctx);
    }

    /// The power management timer.
    pub fn timer(now: u64) -> u32 {
        ticks_at(now, PM_TIMER_HZ) as u32 & 0xFF_FFFF
    }

    /// Notes a timer overflow that has happened by `now`.
    fn refresh(&mut self, now: u64) {
        if ticks_at(now, PM_TIMER_HZ) >= self.next_overflow {
            self.status |= TMR_STS;
        }
    }

    /// Drives the SCI and arms the timer event, which is needed only to interrupt.
    fn update(&mut self, ctx: &mut Ctx) {
        self.refresh(ctx.now);
        let sci = self.control & SCI_EN != 0 && self.status & self.enable & EN_MASK != 0;
        ctx.irq.set(SCI_IRQ, sci);
        if self.enable & TMR_STS != 0 && self.status & TMR_STS == 0 {
            ctx.sched.set(EventId::PmTimer, ns_of_tick(self.next_overflow, PM_TIMER_HZ));
        } else {
            ctx.sched.cancel(EventId::PmTimer);
        }
    }

    /// [`EventId::PmTimer`] is due.
    pub fn event(&mut self, ctx: &mut Ctx) {
        self.update(ctx);
    }

    fn stored(&mut self, offset: u16) -> Option<&mut u8> {
        let n = usize::from(offset.checked_sub(0x0C)?);
        self.storage.get_mut(n / 22)?.get_mut(n % 22)
    }

    /// Byte read at `offset` (0-3Fh) of the ACPI block.
    pub fn read(&mut self, ctx: &mut Ctx, offset: u16) -> u8 {
        self.refresh(ctx.now);
        let half = |word: u16| word.to_le_bytes()[usize::from(offset & 1)];
        match offset {
            0x00..=0x01 => half(self.status),
            0x02..=0x03 => half(self.enable),
            0x04..=0x05 => half(self.control),
            0x08..=0x0B => (Self::timer(ctx.now) >> (8 * u32::from(offset - 8))) as u8,
            0x14..=0x15 => 0,    // processor level 2 and 3: nothing to stop
            0x30..=0x32 => 0xFF, // GPI pins, pulled up
            0x0C..=0x37 => self.stored(offset).map_or(0, |b| *b),
            _ => 0,
        }
    }

    /// Byte write at `offset` of the ACPI block.
    pub fn write(&mut self, ctx: &mut Ctx, offset: u16, value: u8) {
        self.refresh(ctx.now);
        let shift = 8 * (offset & 1);
        let wide = u16::from(value) << shift;
        let merged = |old: u16| old & !(0xFF << shift) | wide;
        match offset {
            0x00..=0x01 => {
                self.status &= !(wide & STS_MASK);
                if wide & TMR_STS != 0 {
                    self.next_overflow = next_half(ctx.now);
                }
            }
            0x02..=0x03 => self.enable = merged(self.enable) & EN_MASK,
            0x04..=0x05 => {
                self.control = merged(self.control) & CNT_MASK;
                if wide & SLP_EN != 0 {
                    self.sleep(wide >> 10 & 7);
                }
            }
            // General purpose, global and device status: write 1 to clear.
            0x0C..=0x0D | 0x18..=0x19 | 0x1C..=0x1F => {
                if let Some(b) = self.stored(offset) {
                    *b &= !value;
                }
            }
            0x0E..=0x13 | 0x20..=0x2F | 0x34..=0x37 => {
                if let Some(b) = self.stored(offset) {
                    *b = value;
                }
            }
            _ => {}
        }
        self.update(ctx);
    }

    /// SLP_TYP 0 is soft off, 1 suspend to RAM; the others are entered with everything saved to disk.
    fn sleep(&mut self, kind: u16) {
        self.request = Some(if kind == 1 { PowerRequest::Suspend } else { PowerRequest::Off });
    }

    /// Byte read of the general purpose event block (0-3): status, enable.
    pub fn read_gpe(&self, offset: u16) -> u8 {
        self.gpe.get(usize::from(offset)).copied().unwrap_or(0)
    }

    /// Byte write of the general purpose event block.
    pub fn write_gpe(&mut self, offset: u16, value: u8) {
        match self.gpe.get_mut(usize::from(offset)) {
            Some(status) if offset < 2 => *status &= !value,
            Some(enable) => *enable = value,
            None => {}
        }
    }

    /// Reads port B2h or B3h.
    pub fn read_apm(&self, port: u16) -> u8 {
        self.apm[usize::from(port & 1)]
    }

    /// Writes port B2h or B3h.
    pub fn write_apm(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        self.apm[usize::from(port & 1)] = value;
        if port == PORT_APMC {
            match value {
                APMC_ACPI_ENABLE => self.control |= SCI_EN,
                APMC_ACPI_DISABLE => self.control &= !SCI_EN,
                _ => {}
            }
            self.update(ctx);
        }
    }

    /// Byte read at `offset` (0-15) of the SMBus block.
    pub fn read_smbus(&self, offset: u16) -> u8 {
        match offset {
            0 => self.smbus.status,
            2 => self.smbus.control,
            3..=6 => self.smbus.registers.get(usize::from(offset - 3)).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// Byte write at `offset` of the SMBus block.
    pub fn write_smbus(&mut self, offset: u16, value: u8) {
        match offset {
            0 => self.smbus.status &= !(value & SMB_STATUS_MASK),
            2 => {
                self.smbus.control = value & 0x1F;
                if value & SMB_START != 0 {
                    self.smbus.status |= SMB_DEVICE_ERROR;
                }
            }
            3..=6 => {
                if let Some(register) = self.smbus.registers.get_mut(usize::from(offset - 3)) {
                    *register = value;
                }
            }
            _ => {}
        }
    }
}

/// The tick after `now` at which the timer's top bit changes.
fn next_half(now: u64) -> u64 {
    (ticks_at(now, PM_TIMER_HZ) / TIMER_HALF + 1) * TIMER_HALF
}
