//! The checked settings: what the other rooms read.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::ConfigError;
use super::file::{DEFAULT_STORE, GitlabTable, ListenTable, StoreTable};
use super::marker_key::MarkerKeySource;
use super::section::{Section, travels_in_the_clear};
use super::span::Span;

/// The longest path that a unix socket can have on Linux (`sun_path` has 108 bytes with its final zero).
const LONGEST_SOCKET: usize = 107;

/// What stands for an address that is to be found out.
const AUTO: &str = "auto";

/// The directory for the socket that the service manager makes, where it runs flaglink.
const RUN_DIR: &str = "/run/flaglink";

/// `[listen]`, checked.
#[derive(Debug, Clone)]
pub struct Listen {
    /// For webhooks.
    pub webhooks: SocketAddr,
    /// How the webhook listener is reached from outside, where that is written; ends with `/`.
    pub public_url: Option<Url>,
    /// Whether that is to be found out (`public_url = "auto"`).
    pub public_auto: bool,
    /// Who may say on whose behalf a request comes.
    pub trusted_proxies: Vec<IpNet>,
    /// For health, metrics and the API.
    pub admin: SocketAddr,
    /// What the admin listener asks for.
    pub admin_token: Option<SecretString>,
    /// For the command line.
    pub socket: PathBuf,
}

/// `[store]`, checked.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Its directory.
    pub path: PathBuf,
    /// Where the marker key is or comes to be; see [`MarkerKeySource::read_or_make`].
    pub marker_key: MarkerKeySource,
    /// Names of providers that are gone for good.
    pub retired_providers: Vec<String>,
}

/// `[gitlab]`, checked.
#[derive(Debug, Clone)]
pub struct GitlabSettings {
    /// Its address; ends with `/`, so that `api/v4/…` can be joined to it.
    pub url: Url,
    /// The bot's access token.
    pub token: SecretString,
    /// Plain secrets of the hand-made webhooks, any of which is good.
    pub webhook_secrets: Vec<SecretString>,
    /// Signing tokens (`whsec_…`) of the hand-made webhooks, any of which is good.
    pub signing_tokens: Vec<SecretString>,
    /// Whether flaglink registers its webhooks itself.
    pub register_hooks: bool,
    /// Whether unsigned webhooks are refused.
    pub require_signature: bool,
    /// The longest time for which GitLab may still be at work on a request that was given up on.
    pub request_ceiling: Span,
    /// The time between two looks for what no webhook told.
    pub catch_up: Span,
    /// Further root certificates.
    pub ca_file: Option<PathBuf>,
    /// Addresses that this GitLab had before; each ends with `/`.
    pub formerly: Vec<Url>,
}

impl Listen {
    pub(crate) fn check(
        section: &Section,
        store: &Path,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let table: ListenTable = section.read()?;
        let webhooks = address(section, "webhooks", &table.webhooks)?;
        let admin = address(section, "admin", &table.admin)?;
        if webhooks == admin && webhooks.port() != 0 {
            return Err(section.error(
                "admin",
                "this is the address of the webhook listener as well; what the world can reach and what only you \
                 may reach need two",
            ));
        }
        let admin_token = section.secret("admin_token")?;
        if admin_token.is_none() && !admin.ip().is_loopback() {
            return Err(section.error(
                "admin",
                format_args!(
                    "{admin} can be reached from other machines, so it needs a token: \
                     `openssl rand -hex 32 > admin-token`, then `admin_token_file = \"admin-token\"`"
                ),
            ));
        }
        let public_auto = table.public_url.as_deref() == Some(AUTO);
        let public_url = match table.public_url.as_deref() {
            None => None,
            Some(AUTO) => None,
            Some(text) => Some(section.base_url("public_url", text)?),
        };
        if public_url.as_ref().is_some_and(travels_in_the_clear) {
            warnings.push(
                "listen.public_url is plain http: secrets of webhooks can be read on their way here"
                    .to_owned(),
            );
        }
        let socket = socket(section, &table, store)?;
        let trusted_proxies = networks(section, &table.trusted_proxies)?;
        Ok(Self { webhooks, public_url, public_auto, trusted_proxies, admin, admin_token, socket })
    }
}

/// Who may speak for others.
fn networks(section: &Section, all: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let read = |text: &String| {
        let text = text.trim();
        let network = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
        match network {
            Ok(all) if all.prefix_len() == 0 => Err("this is everybody, and everybody can write that header"),
            Ok(network) => Ok(network.trunc()),
            Err(_) => {
                Err("this should be an IP address or a network, such as \"127.0.0.1\" or \"10.0.0.0/8\"")
            }
        }
    };
    all.iter().map(read).collect::<Result<_, _>>().map_err(|why| section.error("trusted_proxies", why))
}

/// Where the socket for the command line is.
pub(crate) fn socket(section: &Section, table: &ListenTable, store: &Path) -> Result<PathBuf, ConfigError> {
    let socket = match &table.socket {
        Some(path) => section.around().beside(path),
        None if store == Path::new(DEFAULT_STORE) && Path::new(RUN_DIR).is_dir() => {
            Path::new(RUN_DIR).join("flaglink.sock")
        }
        None => store.join("flaglink.sock"),
    };
    if socket.as_os_str().len() > LONGEST_SOCKET {
        return Err(section.error(
            "socket",
            format_args!(
                "{} is longer than the {LONGEST_SOCKET} bytes that a unix socket's path may have; set `socket` to a \
                 shorter one",
                socket.display()
            ),
        ));
    }
    Ok(socket)
}

fn address(section: &Section, key: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.trim().parse().map_err(|_| {
        section.error(
            key,
            "this should be an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\" \
             (\"0.0.0.0:8080\" for every network of this machine)",
        )
    })
}

/// Where the store is.
pub(crate) fn store_path(section: &Section, table: &StoreTable) -> Result<PathBuf, ConfigError> {
    if table.path.trim().is_empty() {
        return Err(section.error("path", "this names no directory"));
    }
    Ok(section.around().beside(&table.path))
}

impl StoreSettings {
    pub(crate) fn check(section: &Section) -> Result<Self, ConfigError> {
        let table: StoreTable = section.read()?;
        let path = store_path(section, &table)?;
        let marker_key = match section.secret_in_variable("marker_key")? {
            Some(given) => MarkerKeySource::Given(given),
            None => {
                let name = table.marker_key_file.as_str();
                if name.trim().is_empty() {
                    return Err(section.error("marker_key_file", "this names no file"));
                }
                let around = section.around();
                MarkerKeySource::File(around.find(name).unwrap_or_else(|| around.beside(name)))
            }
        };
        if let MarkerKeySource::File(file) = &marker_key
            && file.starts_with(&path)
        {
            return Err(section.error(
                "marker_key_file",
                format_args!(
                    "{} is inside the store; a copy of the store must not carry the key, so keep it elsewhere",
                    file.display()
                ),
            ));
        }
        Ok(Self { path, marker_key, retired_providers: table.retired_providers })
    }
}

impl GitlabSettings {
    /// `public`: whether the public address is known, or found out while flaglink runs.
    pub(crate) fn check(
        section: &Section,
        public: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let table: GitlabTable = section.read()?;
        let url = section.base_url("url", &table.url)?;
        if travels_in_the_clear(&url) {
            warnings.push(format!("gitlab.url {url} is plain http: the bot's token can be read on its way"));
        }
        let token = section.token("token")?.ok_or_else(|| {
            section.error(
                "token_file",
                "the bot needs an access token. Make one in GitLab (project or group, Settings, Access tokens) with the \
                 role Reporter or more and the scope `api`, put it into a file that only flaglink can read, and write \
                 `token_file = \"gitlab-token\"`",
            )
        })?;
        let webhook_secrets = section.secrets("webhook_secret")?.unwrap_or_default();
        let signing_tokens = section.secrets("signing_token")?.unwrap_or_default();
        let by_hand = !webhook_secrets.is_empty() || !signing_tokens.is_empty();
        let register_hooks = table.register_hooks.unwrap_or(public && !by_hand);
        if register_hooks && !public {
            return Err(section.error(
                "register_hooks",
                "GitLab has to be told where to send its webhooks: write `public_url` in [listen]",
            ));
        }
        if !register_hooks && !by_hand {
            return Err(section.error(
                "webhook_secret_file",
                "without a secret flaglink cannot tell GitLab's webhooks from anybody's. Write `public_url` in [listen], and \
                 flaglink registers its webhooks itself, with secrets of their own. Or make them by hand: make a secret \
                 (`openssl rand -hex 32 > webhook-secret`), write `webhook_secret_file = \"webhook-secret\"`, and enter \
                 it in GitLab as the webhook's secret token (project or group, Settings, Webhooks)",
            ));
        }
        if webhook_secrets.iter().any(|secret| secret.expose_secret().len() < 16) {
            warnings.push(
                "a webhook secret of GitLab has fewer than 16 characters and can be guessed; make a longer one \
                 with `openssl rand -hex 32`"
                    .to_owned(),
            );
        }
        if signing_tokens.iter().any(|token| !is_signing_token(token.expose_secret())) {
            let key =
                if table.signing_token_env.is_some() { "signing_token_env" } else { "signing_token_file" };
            return Err(section.error(
                key,
                "a signing token is `whsec_` and the base64 of its key, as GitLab shows it when it is made",
            ));
        }
        if table.require_signature && signing_tokens.is_empty() && !register_hooks {
            return Err(section.error(
                "require_signature",
                "no webhook could come in: signatures are checked with a signing token, so give `signing_token_file`",
            ));
        }
        let ca_file = match &table.ca_file {
            Some(file) => {
                Some(section.around().find_or_say(file).map_err(|why| section.error("ca_file", why))?)
            }
            None => None,
        };
        let mut formerly = Vec::new();
        for text in &table.formerly {
            let former = section.base_url("formerly", text)?;
            if former == url {
                return Err(section.error("formerly", format_args!("{former} is the present `url`")));
            }
            formerly.push(former);
        }
        Ok(Self {
            url,
            token,
            webhook_secrets,
            signing_tokens,
            register_hooks,
            require_signature: table.require_signature,
            request_ceiling: table.request_ceiling,
            catch_up: table.catch_up,
            ca_file,
            formerly,
        })
    }

    /// Whether webhooks that were made by hand are taken.
    pub fn takes_by_hand(&self) -> bool {
        !self.webhook_secrets.is_empty() || !self.signing_tokens.is_empty()
    }
}

/// GitLab's signing tokens are those of Standard Webhooks.
fn is_signing_token(token: &str) -> bool {
    let key = token.strip_prefix("whsec_").map(|key| base64::engine::general_purpose::STANDARD.decode(key));
    matches!(key, Some(Ok(key)) if !key.is_empty())
}
