//! The transcendental instructions (SDM volume 1, 8.3.7 and 8.3.8; special cases by the tables of volume 2).
//!
//! Results are computed to about 120 bits and rounded once, so that they are the correctly rounded ones but for
//! arguments within 2^-50 ulp of a rounding boundary; hardware stays within one ulp of that. The argument of the
//! trigonometric functions is reduced by a pi of 66 bits as hardware does. Precision control has no part in these.

mod atan;
mod exp_log;
mod ext;
mod tables;
#[cfg(test)]
mod tests;
mod trig;

pub use atan::patan;
pub use exp_log::{f2xm1, yl2x, yl2xp1};
pub use trig::{cos, sin, sincos, tan};
