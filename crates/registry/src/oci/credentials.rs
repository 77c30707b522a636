//! Who we are to a registry: variables of the environment, then the files of dstream, Podman and Docker.

use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError as Failure, DockerCredential};
use oci_client::secrets::RegistryAuth;

use super::error::OciError;
use crate::reference::Reference;

/// Where credentials are looked for.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    variables: Vec<(String, String)>,
    files: Vec<PathBuf>,
}

/// What a registry is told, and where that stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) auth: RegistryAuth,
    /// Nothing for nobody.
    pub(crate) place: Option<String>,
}

/// Begins a variable such as `DSTREAM_REGISTRY_AUTH_GHCR_IO`.
const VARIABLE: &str = "DSTREAM_REGISTRY_AUTH_";

impl Credentials {
    /// From the variables of an environment, which also say where the files are:
    ///
    /// 1. `DSTREAM_REGISTRY_AUTH_<HOST>` (the host in capitals, anything else than letters and
    ///    digits as `_`): `USER:PASSWORD`, or a bearer token;
    /// 2. [`own_file`], which `dstream provider login` writes;
    /// 3. Podman's: `REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers/auth.json`,
    ///    `$XDG_CONFIG_HOME/containers/auth.json`;
    /// 4. Docker's: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
    ///
    /// A file may name credential helpers, which are run.
    pub fn from_environment(environment: &[(String, String)]) -> Self {
        let var = |name: &str| variable(environment, name);
        let config = config_home(environment);
        let docker = var("DOCKER_CONFIG").or_else(|| {
            var("HOME").or_else(|| var("USERPROFILE")).map(|home| home.join(".docker"))
        });
        let files = [
            own_file(environment),
            var("REGISTRY_AUTH_FILE"),
            var("XDG_RUNTIME_DIR").map(|f| f.join("containers/auth.json")),
            config.map(|f| f.join("containers/auth.json")),
            docker.map(|f| f.join("config.json")),
        ];
        let ours = environment.iter().filter(|(name, _)| name.starts_with(VARIABLE));
        Self { variables: ours.cloned().collect(), files: files.into_iter().flatten().collect() }
    }

    /// For one repository.
    ///
    /// # Errors
    /// A file cannot be read or understood, or a helper fails: going on as nobody would end in a
    /// message that leads astray.
    pub(crate) fn of(&self, reference: &Reference) -> Result<Credential, OciError> {
        if let Some(found) = self.of_variable(reference.registry()) {
            return Ok(found);
        }
        for file in &self.files {
            if let Some(found) = of_file(file, reference)? {
                return Ok(found);
            }
        }
        Ok(Credential { auth: RegistryAuth::Anonymous, place: None })
    }

    fn of_variable(&self, registry: &str) -> Option<Credential> {
        let name = variable_name(registry);
        let (_, value) = self.variables.iter().find(|(n, v)| *n == name && !v.is_empty())?;
        let auth = match value.split_once(':') {
            Some((user, password)) => RegistryAuth::Basic(user.to_owned(), password.to_owned()),
            None => RegistryAuth::Bearer(value.clone()),
        };
        Some(Credential { auth, place: Some(format!("the variable {name}")) })
    }
}

/// The file that `dstream provider login` writes: `$XDG_CONFIG_HOME/dstream/auth.json`, in Docker's format.
pub fn own_file(environment: &[(String, String)]) -> Option<PathBuf> {
    config_home(environment).map(|f| f.join("dstream").join("auth.json"))
}

/// The variable for a registry.
pub fn variable_name(registry: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{VARIABLE}{}", registry.chars().map(word).collect::<String>())
}

fn config_home(environment: &[(String, String)]) -> Option<PathBuf> {
    let var = |name: &str| variable(environment, name);
    var("XDG_CONFIG_HOME")
        .or_else(|| var("HOME").map(|home| home.join(".config")))
        .or_else(|| var("APPDATA"))
}

/// A variable that is a path. An empty one counts as none, as the XDG specification has it.
pub(crate) fn variable(environment: &[(String, String)], name: &str) -> Option<PathBuf> {
    let found = environment.iter().find(|(n, v)| n == name && !v.is_empty());
    found.map(|(_, value)| PathBuf::from(value))
}

fn of_file(file: &Path, reference: &Reference) -> Result<Option<Credential>, OciError> {
    let place = file.display().to_string();
    let registry = reference.registry();
    let bad = |reason: String| OciError::Credentials {
        registry: registry.to_owned(),
        place: place.clone(),
        reason,
    };
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(bad(e.to_string())),
    };
    for server in servers(reference) {
        match docker_credential::get_credential_from_reader(&text[..], &server) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                let auth = RegistryAuth::Basic(user, password);
                return Ok(Some(Credential { auth, place: Some(place) }));
            }
            Ok(DockerCredential::IdentityToken(_)) => {
                return Err(bad("it is an identity token, which only Docker can renew".to_owned()));
            }
            Err(Failure::NoCredentialConfigured) => {}
            // Helpers end like this for a registry that they know nothing of.
            Err(Failure::HelperFailure { stdout, .. })
                if stdout.contains("credentials not found") => {}
            Err(Failure::HelperFailure { helper, stdout, stderr }) => {
                let said = format!("{stdout} {stderr}");
                return Err(bad(format!("docker-credential-{helper} failed: {}", said.trim())));
            }
            Err(error) => return Err(bad(error.to_string())),
        }
    }
    Ok(None)
}

/// The keys under which a file may have it: Podman's may name a part of the path, Docker's own
/// registry has a historical one.
fn servers(reference: &Reference) -> Vec<String> {
    let mut servers = Vec::new();
    let mut path = reference.source();
    while let Some(at) = path.rfind('/') {
        servers.push(path.clone());
        path.truncate(at);
    }
    servers.push(path);
    if matches!(reference.registry(), "docker.io" | "index.docker.io") {
        servers.push("https://index.docker.io/v1/".to_owned());
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> RegistryAuth {
        RegistryAuth::Basic(user.to_owned(), password.to_owned())
    }

    fn environment(home: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let home = ("HOME".to_owned(), home.display().to_string());
        let more = more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        std::iter::once(home).chain(more).collect()
    }

    fn write_text(file: &Path, text: &str) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    #[test]
    fn a_variable_comes_before_our_file_and_that_before_podmans_and_dockers() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let reference: Reference = "registry.acme.io:5000/team/x:v1".parse().unwrap();
        let of = |more: &[(&str, &str)]| {
            Credentials::from_environment(&environment(home.path(), more)).of(&reference).unwrap()
        };
        assert_eq!(of(&[]), Credential { auth: RegistryAuth::Anonymous, place: None });
        // "docker:secret"
        write_text(
            &at(".docker/config.json"),
            r#"{"auths":{"https://registry.acme.io:5000":{"auth":"ZG9ja2VyOnNlY3JldA=="}}}"#,
        );
        assert_eq!(of(&[]).auth, basic("docker", "secret"));
        // "podman:secret", for a part of the path
        write_text(
            &at(".config/containers/auth.json"),
            r#"{"auths":{"registry.acme.io:5000/team":{"auth":"cG9kbWFuOnNlY3JldA=="}}}"#,
        );
        assert_eq!(of(&[]).auth, basic("podman", "secret"));
        write_text(
            &at(".config/dstream/auth.json"),
            r#"{"auths":{"registry.acme.io:5000":{"username":"own","password":"secret"}}}"#,
        );
        let own = of(&[]);
        assert_eq!(own.auth, basic("own", "secret"));
        assert!(own.place.unwrap().ends_with("dstream/auth.json"));
        let name = variable_name("registry.acme.io:5000");
        assert_eq!(name, "DSTREAM_REGISTRY_AUTH_REGISTRY_ACME_IO_5000");
        assert_eq!(of(&[(&name, "var:se:cret")]).auth, basic("var", "se:cret"));
        assert_eq!(of(&[(&name, "token")]).auth, RegistryAuth::Bearer("token".to_owned()));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_an_error_that_names_it() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".docker/config.json");
        let of = || {
            Credentials::from_environment(&environment(home.path(), &[]))
                .of(&"ghcr.io/acme/x:v1".parse().unwrap())
        };
        write_text(&file, "{");
        assert!(of().unwrap_err().to_string().contains("config.json"));
        write_text(&file, r#"{"auths":{"ghcr.io":{"identitytoken":"t"}}}"#);
        assert!(of().unwrap_err().to_string().contains("identity token"));
        write_text(&file, r#"{"credHelpers":{"ghcr.io":"of-nobody-at-all"}}"#);
        assert!(matches!(of(), Err(OciError::Credentials { .. })));
        write_text(&file, r#"{"auths":{"quay.io":{"auth":"eDp5"}}}"#);
        assert_eq!(of().unwrap().place, None);
    }
}
