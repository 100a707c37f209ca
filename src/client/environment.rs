//! A client set up by environment variables.

use std::ffi::OsString;
#[cfg(feature = "certificate")]
use std::io::Read;

#[cfg(feature = "certificate")]
use zeroize::Zeroizing;

use super::{Client, ClientBuilder};
use crate::auth::{ClientSecret, TokenSource, WorkloadIdentity};
use crate::error::{Error, Result};
use crate::region::{Region, parse_base};

/// A longer file isn't read for a certificate.
#[cfg(feature = "certificate")]
const LONGEST_PEM: u64 = 1024 * 1024;

/// Where variables come from: the process, or a test's table.
pub(super) trait Variables {
    fn get(&self, name: &str) -> Option<OsString>;

    /// An empty variable counts as unset.
    fn filled(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let value = value.into_string();
        let text = value.map_err(|_| Error::configuration(format!("{name} isn't Unicode text")))?;
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }
}

pub(super) struct Process;

impl Variables for Process {
    fn get(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

/// What an application proves itself by, by the variable that is set for it. The order is the documented one.
const PROOFS: [(&str, Proof); 4] = [
    ("CLIENT_SECRET", Proof::Secret),
    ("CLIENT_SECRET_FILE", Proof::SecretFile),
    ("CLIENT_CERTIFICATE_PATH", Proof::Certificate),
    ("FEDERATED_TOKEN_FILE", Proof::FederatedToken),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Secret,
    SecretFile,
    Certificate,
    FederatedToken,
}

pub(super) fn builder(variables: &impl Variables) -> Result<ClientBuilder> {
    let mut own = false;
    for name in ["TENANT_ID", "CLIENT_ID", READER[0], READER[1], READER[2]]
        .into_iter()
        .chain(PROOFS.map(|(name, _)| name))
    {
        own |= variables.filled(&format!("DEFENDER_{name}"))?.is_some();
    }
    let prefix = if own { "DEFENDER" } else { "AZURE" };

    let mut missing = Vec::new();
    let mut need = |name: &str| {
        let name = format!("{prefix}_{name}");
        let value = variables.filled(&name)?;
        if value.is_none() {
            missing.push(name);
        }
        Ok::<_, Error>(value.unwrap_or_default())
    };
    let (tenant, application) = (need("TENANT_ID")?, need("CLIENT_ID")?);
    let Some((proof, value)) = proof(variables, prefix)? else {
        missing.push(format!("{prefix}_CLIENT_SECRET"));
        return Err(missing_variables(own, &missing));
    };
    if !missing.is_empty() {
        return Err(missing_variables(own, &missing));
    }
    let credential = credential(proof, tenant.clone(), application, &value)?;
    let builder = endpoints(variables, own, Client::builder(credential))?;
    Ok(match reader(variables, tenant)? {
        Some(reader) => builder.reader(reader),
        None => builder,
    })
}

/// A second application, for reads, where one is named: of the same tenant, with a secret.
const READER: [&str; 3] = ["READER_CLIENT_ID", "READER_CLIENT_SECRET", "READER_CLIENT_SECRET_FILE"];

fn reader(variables: &impl Variables, tenant: String) -> Result<Option<Box<dyn TokenSource>>> {
    let [id, secret, file] = READER.map(|name| format!("DEFENDER_{name}"));
    let set = (variables.filled(&id)?, variables.filled(&secret)?, variables.filled(&file)?);
    let wrong = |what: String| Err(Error::configuration(what));
    match set {
        (None, None, None) => Ok(None),
        (None, ..) => wrong(format!("{id} not set, and its secret is")),
        (Some(_), None, None) => wrong(format!("{secret} not set ({file} may stand for it)")),
        (Some(_), Some(_), Some(_)) => {
            wrong(format!("{secret} and {file} are both set: which is meant?"))
        }
        (Some(application), Some(value), None) => {
            credential(Proof::Secret, tenant, application, &value).map(Some)
        }
        (Some(application), None, Some(path)) => {
            credential(Proof::SecretFile, tenant, application, &path).map(Some)
        }
    }
}

/// The first that is set. Of our own there may be only one, since nobody sets two on purpose.
fn proof(variables: &impl Variables, prefix: &str) -> Result<Option<(Proof, String)>> {
    let mut set = Vec::new();
    for (name, proof) in PROOFS {
        let name = format!("{prefix}_{name}");
        if let Some(value) = variables.filled(&name)? {
            set.push((name, proof, value));
        }
    }
    if let [(one, ..), (other, ..), ..] = set.as_slice()
        && prefix == "DEFENDER"
    {
        let what = format!("{one} and {other} are both set: which is meant?");
        return Err(Error::configuration(what));
    }
    Ok(set.into_iter().next().map(|(_, proof, value)| (proof, value)))
}

fn credential(
    proof: Proof,
    tenant: String,
    application: String,
    value: &str,
) -> Result<Box<dyn TokenSource>> {
    Ok(match proof {
        Proof::Secret => Box::new(ClientSecret::new(tenant, application, value)),
        Proof::SecretFile => Box::new(ClientSecret::from_file(tenant, application, value)),
        Proof::Certificate => certificate(tenant, application, value)?,
        Proof::FederatedToken => Box::new(WorkloadIdentity::from_file(tenant, application, value)),
    })
}

#[cfg(feature = "certificate")]
fn certificate(tenant: String, application: String, path: &str) -> Result<Box<dyn TokenSource>> {
    let wrong = |what: &str| Error::configuration(format!("the certificate file {path:?} {what}"));
    let file = std::fs::File::open(path).map_err(|e| wrong("can't be opened").caused_by(e))?;
    let mut pem = Zeroizing::new(Vec::new());
    std::io::Read::take(file, LONGEST_PEM + 1)
        .read_to_end(&mut pem)
        .map_err(|e| wrong("can't be read").caused_by(e))?;
    let credential = crate::auth::ClientCertificate::from_pem(tenant, application, &*pem)
        .map_err(|e| wrong("can't be used").caused_by(e))?;
    Ok(Box::new(credential))
}

#[cfg(not(feature = "certificate"))]
fn certificate(_: String, _: String, _: &str) -> Result<Box<dyn TokenSource>> {
    Err(Error::configuration("a certificate needs the feature certificate"))
}

fn endpoints(
    variables: &impl Variables,
    own: bool,
    mut builder: ClientBuilder,
) -> Result<ClientBuilder> {
    let mut region = Region::default();
    if let Some(name) = variables.filled("DEFENDER_REGION")? {
        let unknown = |e| Error::configuration("DEFENDER_REGION names no region").caused_by(e);
        region = name.parse::<Region>().map_err(unknown)?;
    }
    builder = builder.region(region);
    if let Some(url) = variables.filled("DEFENDER_BASE_URL")? {
        parse_base("DEFENDER_BASE_URL", region.endpoint().base, &url)?;
        builder = builder.base_url(url);
    }
    let authorities = if own {
        &["DEFENDER_AUTHORITY"][..]
    } else {
        &["DEFENDER_AUTHORITY", "AZURE_AUTHORITY_HOST"]
    };
    for name in authorities {
        if let Some(url) = variables.filled(name)? {
            parse_base(name, region.endpoint().authority, &url)?;
            builder = builder.authority(url);
            break;
        }
    }
    if let Some(audience) = variables.filled("DEFENDER_AUDIENCE")? {
        builder = builder.audience(audience);
    }
    Ok(builder)
}

fn missing_variables(own: bool, missing: &[String]) -> Error {
    let missing = missing.join(", ");
    let others = "_CLIENT_SECRET_FILE, _CLIENT_CERTIFICATE_PATH or _FEDERATED_TOKEN_FILE may stand for _CLIENT_SECRET";
    Error::configuration(if own {
        format!("{missing} not set ({others})")
    } else {
        format!(
            "no credential in the environment: none of DEFENDER_TENANT_ID, DEFENDER_CLIENT_ID and DEFENDER_CLIENT_SECRET is \
             set ({others}), and of the names read in their place {missing} not set either"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const ID: &str = "4f3c2d1e-0000-4000-8000-1a2b3c4d5e6f";

    impl Variables for HashMap<&str, &str> {
        fn get(&self, name: &str) -> Option<OsString> {
            HashMap::get(self, name).map(|&value| value.into())
        }
    }

    fn build(variables: &[(&str, &str)]) -> Result<Client> {
        builder(&variables.iter().copied().collect::<HashMap<_, _>>())?.build()
    }

    fn message(variables: &[(&str, &str)]) -> String {
        let error = build(variables).unwrap_err();
        assert!(error.is_configuration(), "{error}");
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    }

    #[test]
    fn everything_can_be_set() {
        let client = build(&[
            ("DEFENDER_TENANT_ID", "contoso.example"),
            ("DEFENDER_CLIENT_ID", ID),
            ("DEFENDER_CLIENT_SECRET", "s3cret"),
            ("DEFENDER_REGION", "gcc-high"),
            ("DEFENDER_BASE_URL", "https://base.example/api"),
            ("DEFENDER_AUTHORITY", "https://authority.example"),
            ("DEFENDER_AUDIENCE", "https://audience.example/.default"),
            ("AZURE_AUTHORITY_HOST", "https://elsewhere.example"),
        ])
        .unwrap();
        let shown = format!("{client:?}");
        for part in ["//base.example/\"", "//authority.example/", "audience.example\""] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("s3cret"));
    }

    #[test]
    fn a_second_application_reads() {
        let writer = [
            ("DEFENDER_TENANT_ID", ID),
            ("DEFENDER_CLIENT_ID", ID),
            ("DEFENDER_CLIENT_SECRET", "s3cret"),
        ];
        let with = |more: &[(&'static str, &'static str)]| [&writer[..], more].concat();
        let id = ("DEFENDER_READER_CLIENT_ID", "8b2c1d4e-0000-4000-8000-9f8e7d6c5b4a");
        let secret = ("DEFENDER_READER_CLIENT_SECRET", "other");
        let file = ("DEFENDER_READER_CLIENT_SECRET_FILE", "/not/here");
        let has_reader = |more: &[_]| build(&with(more)).unwrap().shared.reader.is_some();
        assert_eq!((has_reader(&[]), has_reader(&[id, secret])), (false, true));
        assert!(message(&with(&[id])).contains("DEFENDER_READER_CLIENT_SECRET not set"));
        assert!(message(&with(&[secret])).contains("DEFENDER_READER_CLIENT_ID not set"));
        assert!(message(&with(&[id, secret, file])).contains("both set"));
        assert!(message(&with(&[id, file])).contains("can't be opened"));
        // It makes the names ours, and no other's application acts beside it.
        let azure =
            [("AZURE_TENANT_ID", ID), ("AZURE_CLIENT_ID", ID), ("AZURE_CLIENT_SECRET", "s")];
        let mixed = [&azure[..], &[id, secret]].concat();
        assert!(message(&mixed).contains("DEFENDER_TENANT_ID"), "{}", message(&mixed));
    }

    #[test]
    fn the_azure_names_are_read_only_where_no_own_one_is_set() {
        let azure = [
            ("AZURE_TENANT_ID", ID),
            ("AZURE_CLIENT_ID", ID),
            ("AZURE_CLIENT_SECRET", "s3cret"),
            ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"),
        ];
        assert!(format!("{:?}", build(&azure).unwrap()).contains("microsoftonline.us"));

        let mixed: Vec<_> = azure.into_iter().chain([("DEFENDER_TENANT_ID", ID)]).collect();
        let message = message(&mixed);
        assert!(
            message.contains("DEFENDER_CLIENT_ID, DEFENDER_CLIENT_SECRET not set"),
            "{message}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["DEFENDER_TENANT_ID", "_CLIENT_SECRET_FILE", "AZURE_CLIENT_SECRET"] {
            let message = message(&[]);
            assert!(message.contains(name), "{message}");
        }
        let blank = [("DEFENDER_TENANT_ID", ID), ("DEFENDER_CLIENT_ID", "  ")];
        assert!(message(&blank).contains("DEFENDER_CLIENT_ID"));
    }

    #[test]
    fn a_wrong_region_lists_the_right_ones() {
        let error = build(&[
            ("DEFENDER_TENANT_ID", ID),
            ("DEFENDER_CLIENT_ID", ID),
            ("DEFENDER_CLIENT_SECRET", "s3cret"),
            ("DEFENDER_REGION", "atlantis"),
        ])
        .unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("atlantis") && cause.contains("gcc-high"), "{cause}");
    }

    #[test]
    fn a_secret_file_is_read_trimmed_and_checked() {
        let path = std::env::temp_dir().join(format!("dr-secret-{}", std::process::id()));
        let path = path.to_str().unwrap();
        let set = [
            ("DEFENDER_TENANT_ID", ID),
            ("DEFENDER_CLIENT_ID", ID),
            ("DEFENDER_CLIENT_SECRET_FILE", path),
        ];
        assert!(message(&set).contains("can't be opened"));
        for (content, wrong) in [
            ("s3cret\n", None),
            ("\u{feff}s3cret\r\n", None),
            (" \n", Some("is empty")),
            ("s3cret\nanother\n", Some("more than one line")),
            (&*"x".repeat(20_000), Some("is longer than 16 KiB")),
        ] {
            std::fs::write(path, content).unwrap();
            match wrong {
                None => assert!(build(&set).is_ok()),
                Some(wrong) => assert!(message(&set).contains(wrong), "{}", message(&set)),
            }
        }
        let both: Vec<_> = set.into_iter().chain([("DEFENDER_CLIENT_SECRET", "x")]).collect();
        assert!(message(&both).contains("both set"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_variable_that_is_set_says_what_the_application_proves_itself_by() {
        let path = std::env::temp_dir().join(format!("dr-proof-{}", std::process::id()));
        std::fs::write(&path, "eyJ.federated.token").unwrap();
        let path = path.to_str().unwrap();
        for prefix in ["DEFENDER", "AZURE"] {
            let name = |name: &str| format!("{prefix}_{name}");
            let (tenant, client) = (name("TENANT_ID"), name("CLIENT_ID"));
            let with = |proof: &str, value: &str| {
                let proof = name(proof);
                build(&[(&*tenant, ID), (&*client, ID), (&*proof, value)])
            };
            assert!(with("FEDERATED_TOKEN_FILE", path).is_ok());
            assert!(with("FEDERATED_TOKEN_FILE", "/not/here").is_err());
            let certificate = with("CLIENT_CERTIFICATE_PATH", path).unwrap_err().to_string();
            assert!(certificate.contains("certificate"), "{certificate}");
        }
        std::fs::remove_file(path).unwrap();
    }
}
