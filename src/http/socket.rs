//! The unix socket that the command line speaks through.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Who may use the socket: the daemon's user and group.
pub const SOCKET_MODE: u32 = 0o660;

/// Why there is no socket; for people.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers there.
    #[error("another flaglink listens on {0}: stop it first, or set `listen.socket` to another path")]
    InUse(PathBuf),
    /// Something that is not a socket is in the way. It is left alone.
    #[error("{0} is in the way and is not a socket: move it away, or set `listen.socket` to another path")]
    NotASocket(PathBuf),
    /// The system refused.
    #[error(
        "the socket {path} cannot be made ({error}): its directory must exist and be writable for flaglink, or set `listen.socket` to another path"
    )]
    Refused {
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Removes the socket's file when it goes, if it is still the same one.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Ok(there) = fs::symlink_metadata(&self.path) else { return };
        if (there.dev(), there.ino()) == (self.device, self.inode)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket's file could not be removed");
        }
    }
}

/// Makes the socket, mode 0660. A stale one, behind which nobody listens, is replaced.
///
/// It is made under another name, gets its mode, and is then moved into place: so nobody ever finds it with a wider mode.
pub async fn bind_socket(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    let refused = |error| SocketError::Refused { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => return Err(SocketError::NotASocket(path.to_owned())),
        Ok(_) => match UnixStream::connect(path).await {
            // A full backlog is somebody, too.
            Ok(_) => return Err(SocketError::InUse(path.to_owned())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(SocketError::InUse(path.to_owned()));
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {}
            Err(error) => return Err(refused(error)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error)),
    }
    let making = beside(path);
    match fs::remove_file(&making) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&making).map_err(refused)?;
    let placed = fs::set_permissions(&making, fs::Permissions::from_mode(SOCKET_MODE))
        .and_then(|()| fs::symlink_metadata(&making))
        .and_then(|made| fs::rename(&making, path).map(|()| made));
    match placed {
        Ok(made) => {
            Ok((listener, SocketFile { path: path.to_owned(), device: made.dev(), inode: made.ino() }))
        }
        Err(error) => {
            let _ = fs::remove_file(&making);
            Err(refused(error))
        }
    }
}

/// Another name in the same directory that is no longer: a socket's path has room for 107 bytes.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().as_bytes().to_vec();
    if let Some(last) = name.last_mut() {
        *last = if *last == b'~' { b'-' } else { b'~' };
    }
    PathBuf::from(OsString::from_vec(name))
}
