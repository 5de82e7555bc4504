use crate::engine::dispatch::Form;
use iced_x86::Code;
pub(crate) const FORMS: &[(Code, Form)] = &[];
