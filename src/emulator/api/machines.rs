//! Machines: read one (page get-machine-by-id).

use http::StatusCode;

use super::{Call, entity};
use crate::emulator::answer::{Answer, Refusal};

impl Call<'_> {
    pub(super) fn get_machine(&self) -> Result<Answer, Refusal> {
        let wanted = self.asked.target();
        let machine = self
            .tenant
            .machine_called(wanted)
            .ok_or_else(|| Refusal::not_found("Machine", wanted))?;
        Ok(entity(StatusCode::OK, "Machines", &machine.record))
    }
}
