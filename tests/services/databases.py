"""MariaDB and PostgreSQL as the tests start them: TLS only, like RDS."""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from tests.services.certificates import Authority
from tests.services.processes import Process, folder, free_port, listens, unprivileged, wait_for


class Server:
    """A database server that can be stopped and started again on its port."""

    engine: str
    user: str

    def __init__(self, authority: Authority) -> None:
        self.port = free_port()
        self.folder = folder(self.user)
        self.data = self.folder / "data"
        self.certificate, self.key = authority.issue(self.folder)
        self.authority = self.folder / "ca.pem"
        shutil.copy(authority.certificate, self.authority)
        if os.getuid() == 0:
            for file in (self.certificate, self.key):
                shutil.chown(file, self.user, pwd.getpwnam(self.user).pw_gid)
        self.key.chmod(0o600)
        self._initialise()
        self._process: Process | None = None
        self.start()

    def start(self) -> None:
        self._process = Process(self._command(), user=self.user)
        wait_for(lambda: listens(self.port), f"{self.engine} on port {self.port}", self._process)

    def stop(self) -> None:
        if self._process:
            # SIGINT is PostgreSQL's fast shutdown; MariaDB has SIGTERM for it.
            self._process.stop(signal.SIGINT if self.engine == "postgresql" else signal.SIGTERM)
            self._process.close()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def hold_lock(self, dbname: str, schema: str = "mlflow") -> Process:
        """Takes the lock of the schema as another replica would."""
        digest = hashlib.sha256(f"{schema}-schema:{dbname}".encode()).digest()
        return Process(self._lock(dbname, digest))

    def create(self, dbname: str, user: str, password: str) -> None:
        """An empty database and a user who owns it."""
        raise NotImplementedError

    def change_password(self, user: str, password: str) -> None:
        """What a rotation does."""
        raise NotImplementedError

    def _lock(self, dbname: str, digest: bytes) -> list[str | Path]:
        raise NotImplementedError

    def _initialise(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str | Path]:
        raise NotImplementedError

    def _run(self, *command: str | Path, text: str = "") -> None:
        done = subprocess.run(
            [str(word) for word in command],
            input=text,
            text=True,
            cwd=self.folder,
            capture_output=True,
            check=False,
            **unprivileged(self.user),
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


class MariaDb(Server):
    engine = "mysql"
    user = "mysql"

    def create(self, dbname: str, user: str, password: str) -> None:
        name = f"'{user}'@'%'"
        self._sql(
            f"CREATE DATABASE {dbname}; CREATE USER {name} IDENTIFIED BY {_mysql(password)}; "
            f"GRANT ALL ON {dbname}.* TO {name};"
        )

    def change_password(self, user: str, password: str) -> None:
        self._sql(f"ALTER USER '{user}'@'%' IDENTIFIED BY {_mysql(password)};")

    def _lock(self, dbname: str, digest: bytes) -> list[str | Path]:
        query = f"SELECT GET_LOCK('mlflow-schema-{digest.hex()[:32]}', 0), SLEEP(60)"
        return ["mariadb", "--no-defaults", f"--socket={self._socket}", "--user=root", "-e", query]

    def _initialise(self) -> None:
        self._run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def _command(self) -> list[str | Path]:
        return [
            shutil.which("mariadbd") or "/usr/sbin/mariadbd",
            "--no-defaults",
            f"--datadir={self.data}",
            f"--socket={self._socket}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--ssl-ca={self.authority}",
            f"--ssl-cert={self.certificate}",
            f"--ssl-key={self.key}",
            "--require-secure-transport=ON",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=2",
        ]

    @property
    def _socket(self) -> Path:
        return self.folder / "socket"

    def _sql(self, text: str) -> None:
        self._run("mariadb", "--no-defaults", f"--socket={self._socket}", "--user=root", text=text)


class PostgreSql(Server):
    engine = "postgresql"
    user = "postgres"

    def create(self, dbname: str, user: str, password: str) -> None:
        self._sql(
            f"CREATE USER {user} PASSWORD {_standard(password)};",
            f"CREATE DATABASE {dbname} OWNER {user};",
        )

    def change_password(self, user: str, password: str) -> None:
        self._sql(f"ALTER USER {user} PASSWORD {_standard(password)};")

    def end_idle_sessions(self, user: str, seconds: int) -> None:
        """What the platform sets on a database that pauses; holds for this user's next sessions."""
        self._sql(f"ALTER ROLE {user} SET idle_session_timeout = '{seconds}s';")

    def query(self, dbname: str, statement: str) -> list[str]:
        """Runs a statement as the server's owner; returns the lines of its answer."""
        command = ["psql", "-U", "postgres", "-h", self.folder, "-p", str(self.port), "-d", dbname, "-Atc", statement]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def sessions(self, user: str) -> list[str]:
        """What the sessions of a user call themselves, and whether they are encrypted."""
        return self.query(
            "postgres",
            f"SELECT application_name, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = '{user}'",
        )

    def end_sessions(self, user: str) -> None:
        """Ends what a user has open."""
        self.query("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'")

    def hold_table(self, dbname: str, table: str, seconds: int) -> Process:
        """Locks a table for a while, so that whoever reads it waits."""
        statements = f"BEGIN; LOCK TABLE {table}; SELECT pg_sleep({seconds})"
        server = ["-U", "postgres", "-h", self.folder, "-p", str(self.port), "-d", dbname]
        process = Process(["psql", *server, "-c", statements])
        locked = (
            f"SELECT 1 FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' AND relation = '{table}'::regclass"
        )
        wait_for(lambda: bool(self.query(dbname, locked)), f"a lock on {table}", process)
        return process

    def _lock(self, dbname: str, digest: bytes) -> list[str | Path]:
        query = f"SELECT pg_advisory_lock({int.from_bytes(digest[:8], signed=True)}), pg_sleep(60)"
        return ["psql", "-U", "postgres", "-h", self.folder, "-p", str(self.port), "-d", dbname, "-c", query]

    def _initialise(self) -> None:
        arguments = ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-sync"]
        self._run(postgresql_program("initdb"), "-D", self.data, *arguments)
        (self.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")

    def _command(self) -> list[str | Path]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "ssl": "on",
            "ssl_cert_file": self.certificate,
            "ssl_key_file": self.key,
            "fsync": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [postgresql_program("postgres"), "-D", self.data, *options]

    def _sql(self, *commands: str) -> None:
        server = ["-h", self.folder, "-p", str(self.port), "-d", "postgres", "-v", "ON_ERROR_STOP=1"]
        self._run("psql", *server, text="\n".join(commands))


def postgresql_program(name: str) -> str:
    """A server program of PostgreSQL 15, which Debian keeps off PATH."""
    debian = Path("/usr/lib/postgresql/15/bin") / name
    return str(debian) if debian.exists() else shutil.which(name) or name


def _mysql(text: str) -> str:
    return _standard(text.replace("\\", "\\\\"))


def _standard(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
