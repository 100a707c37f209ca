//! Serves the emulated Defender for Endpoint on a port, for programs in any language.
//!
//! ```text
//! cargo run --example emulator -- --listen 127.0.0.1:0 [--settle SECONDS] [--no-quota] [--fleet COUNT]
//!                                 [--set SWITCH=VALUE]... [--switches]
//! ```
//! One line of JSON on stdout says where it listens and how to sign in; then it serves until it is killed.
//! `GET /emulator/journal`, `GET /emulator/stats`, `GET /emulator/hosts` and `POST /emulator/faults` are its own.

use std::net::SocketAddr;
use std::process::ExitCode;

use defender_response::emulator::{Emulator, EmulatorBuilder};
use serde_json::json;

const USAGE: &str = "usage: emulator --listen ADDRESS:PORT [--settle SECONDS] [--no-quota] [--fleet COUNT] \
                     [--set SWITCH=VALUE]... | --switches";

#[tokio::main]
async fn main() -> ExitCode {
    let wanted = match read(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let emulator = wanted.builder.build();
    let Some(address) = wanted.listen else {
        for switch in emulator.switches() {
            println!(
                "{}={}  [{}]  {}",
                switch.name,
                switch.value,
                switch.takes.join("|"),
                switch.about
            );
        }
        return ExitCode::SUCCESS;
    };
    match serve(&emulator, address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("can't listen on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(emulator: &Emulator, address: SocketAddr) -> std::io::Result<()> {
    let mut listening = emulator.listen(address).await?;
    let machines: Vec<_> = emulator.machines().into_iter().map(|machine| machine.id).collect();
    let line = json!({
        "base_url": listening.base_url(),
        "authority": listening.authority(),
        "audience": emulator.audience(),
        "tenant_id": emulator.tenant_id(),
        "client_id": emulator.client_id(),
        "client_secret": emulator.client_secret(),
        "machines": machines,
        "alerts": emulator.alerts(),
    });
    println!("{line}");
    listening.served().await;
    Ok(())
}

struct Wanted {
    /// None: only the switches are shown.
    listen: Option<SocketAddr>,
    builder: EmulatorBuilder,
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut builder = Emulator::builder();
    let mut listen = None;
    let mut show = false;
    while let Some(option) = arguments.next() {
        let mut value =
            || arguments.next().ok_or_else(|| format!("{option} needs a value after it"));
        let set = |builder: EmulatorBuilder, name: &str, value: &str| {
            builder.set(name, value).map_err(|error| error.to_string())
        };
        match option.as_str() {
            "--listen" => {
                let text = value()?;
                let address = text.parse().map_err(|_| format!("{text:?} is not an ADDRESS:PORT"));
                listen = Some(address?);
            }
            "--settle" => builder = set(builder, "settle", &value()?)?,
            "--no-quota" => builder = set(builder, "quota", "off")?,
            "--fleet" => {
                let text = value()?;
                let count = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
                builder = builder.fleet(count);
            }
            "--set" => {
                let text = value()?;
                let pair = text.split_once('=');
                let (name, value) = pair.ok_or_else(|| format!("{text:?} is not SWITCH=VALUE"))?;
                builder = set(builder, name, value)?;
            }
            "--switches" => show = true,
            other => return Err(format!("unknown option {other:?}")),
        }
    }
    if listen.is_none() && !show {
        return Err("where to listen has to be said".to_owned());
    }
    Ok(Wanted { listen, builder })
}
