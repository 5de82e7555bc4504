//! `rewind86 query`: questions about a recording, and how a hit reads.

use rewind86_machine::probe::{Cause, Hit, What};

/// One hit as a line: instruction number, CS:RIP, CR3, and what happened.
pub fn line(hit: &Hit) -> String {
    let what = match hit.what {
        What::Execute => "executed".to_string(),
        What::Read { linear, physical, size, value } => {
            format!("read linear {linear:#x} physical {physical:#x} size {size} value {value:#x}")
        }
        What::Write { linear, physical, size, value } => {
            format!("write linear {linear:#x} physical {physical:#x} size {size} value {value:#x}")
        }
        What::PageWalk { physical, value } => format!("page-walk physical {physical:#x} size 1 value {value:#x}"),
        What::Device { physical, size, value } => format!("device physical {physical:#x} size {size} value {value:#x}"),
        What::PortIn { port, size, value } => format!("in port {port:#x} size {size} value {value:#x}"),
        What::PortOut { port, size, value } => format!("out port {port:#x} size {size} value {value:#x}"),
        What::Interrupt { vector, cause, error } => {
            let cause = match cause {
                Cause::Software => "software",
                Cause::External => "external",
                Cause::Exception => "exception",
            };
            let error = error.map(|e| format!(" error {e:#x}")).unwrap_or_default();
            format!("interrupt {vector:#x} {cause}{error}")
        }
    };
    format!("{} {:04x}:{:x} cr3 {:#x} {what}", hit.icount, hit.cs, hit.rip, hit.cr3)
}
