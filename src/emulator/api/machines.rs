//! Machines: read one, list, find by address or tag, change tags (pages get-machine-by-id, get-machines,
//! find-machines-by-ip, find-machines-by-tag, update-machine-method).

use std::time::Duration;

use http::StatusCode;

use super::body::Body;
use super::rows::MachineRow;
use super::{Call, entity};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::moment::read_time;
use crate::emulator::switches::{EmptyList, PatchTags};
use crate::emulator::world::Machine;

/// How far from the asked time an address still counts as seen.
const AROUND: Duration = Duration::from_secs(15 * 60);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

impl Call<'_> {
    pub(super) fn get_machine(&self) -> Result<Answer, Refusal> {
        let wanted = self.asked.target();
        let machine = self
            .tenant
            .machine_called(wanted)
            .ok_or_else(|| Refusal::not_found("Machine", wanted))?;
        Ok(self.machine_answer(machine))
    }

    pub(super) fn list_machines(&self) -> Result<Answer, Refusal> {
        self.machine_list(|_| true)
    }

    /// Machines that were seen with an internal address within a quarter of an hour of a time. A machine's
    /// addresses are the ones on record, since the emulator keeps no history.
    pub(super) fn find_by_ip(&self) -> Result<Answer, Refusal> {
        let invalid = || Refusal::bad("InvalidInput", "The ip or timestamp is not valid");
        let call = self.asked.target();
        let ip = argument(call, "ip").ok_or_else(invalid)?;
        let time = argument(call, "timestamp").and_then(read_time).ok_or_else(invalid)?;
        if ip.parse::<std::net::IpAddr>().is_err() {
            return Err(Refusal::bad("InvalidIpAddress", "The IP address is not valid"));
        }
        let now = self.scene.now.wall;
        if now.since(time) > MONTH || time > now.plus(AROUND) {
            return Err(invalid());
        }
        self.machine_list(|machine| {
            let record = &machine.record;
            let has_it = record.ip_addresses.iter().any(|address| address.ip_address == ip);
            let there = record.first_seen.0 <= time.plus(AROUND);
            has_it && there
        })
    }

    pub(super) fn find_by_tag(&self) -> Result<Answer, Refusal> {
        let call = self.asked.target();
        let given = |name| self.asked.query.get(name).or_else(|| argument(call, name));
        let tag = given("tag").filter(|t| !t.is_empty()).ok_or_else(|| Refusal::missing("tag"))?;
        let by_start = given("useStartsWithFilter").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        self.machine_list(|machine| {
            let tags = &machine.record.machine_tags;
            tags.iter().any(|held| if by_start { held.starts_with(tag) } else { held == tag })
        })
    }

    /// The page says that tags are added, and that the list replaces everything.
    pub(super) fn patch_machine(&mut self) -> Result<Answer, Refusal> {
        let body = Body::of(self.asked.json.as_ref())?;
        let tags = body.texts("machineTags")?;
        let value = body.word("deviceValue", &["Normal", "Low", "High"])?;
        let id = self.asked.target();
        let replace = self.scene.switches.patch_tags == PatchTags::Replace;
        let machine = self
            .tenant
            .machine_with_id(id)
            .and_then(|number| self.tenant.machines.get_mut(number))
            .ok_or_else(|| Refusal::not_found("Machine", id))?;
        let record = &mut machine.record;
        if let Some(tags) = tags {
            if replace {
                record.machine_tags.clear();
            }
            let held = &mut record.machine_tags;
            for tag in tags {
                if !held.contains(&tag) {
                    held.push(tag);
                }
            }
        }
        if let Some(value) = value {
            value.clone_into(&mut record.device_value);
        }
        let number = self.tenant.machine_with_id(id);
        let machine =
            number.and_then(|n| self.tenant.machines.get(n)).ok_or_else(super::unknown)?;
        Ok(self.machine_answer(machine).changed())
    }

    fn machine_answer(&self, machine: &Machine) -> Answer {
        entity(StatusCode::OK, "Machines", &machine.record, self.scene.switches)
    }

    fn machine_list(&self, wanted: impl Fn(&Machine) -> bool) -> Result<Answer, Refusal> {
        let rows = self.tenant.machines.iter().filter(|m| wanted(m)).map(MachineRow);
        let (query, page) = self.page(rows)?;
        // The page promises 404, clients see an empty list.
        if page.total == 0 && self.scene.switches.empty_machine_list == EmptyList::NotFound {
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                "No machine was found",
            ));
        }
        Ok(self.list("Machines", &query, &page, |row| &row.0.record))
    }
}

/// A named argument of a call in the path, such as `findbyip(ip='10.0.0.1',timestamp=…)`.
fn argument<'a>(call: &'a str, name: &str) -> Option<&'a str> {
    let (_, inside) = call.split_once('(')?;
    inside.strip_suffix(')')?.split(',').find_map(|part| {
        let (found, value) = part.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('\''))
    })
}
