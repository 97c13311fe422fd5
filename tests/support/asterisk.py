"""The real Asterisk for tests: started on free ports with the configuration that the project ships, and SIPp callees.

Owns processes, ports and temporary folders, and gives them all back. Knows nothing of the product.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
SIPP_SCENARIOS = Path(__file__).parent / "sipp"
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 10.0
CLI_DEADLINE_S = 60.0
FETCH_DEADLINE_S = 540
POLL_S = 0.02
RTP_PORTS = 400  # two for each call
START_ATTEMPTS = 3

# What a person writes into pjsip.local.conf: a trunk. Its carrier (tests.support.callees) sends each number on to a
# callee by 302, and is registered as 7000 in the same way.
LOCAL_PJSIP = """\
[trunk](opendeep-trunk)
aors = trunk
redirect_method = uri_pjsip
rewrite_contact = no

[trunk]
type = aor
contact = sip:127.0.0.1:{trunk_port}

[7000](+type=endpoint)
redirect_method = uri_pjsip
rewrite_contact = no
"""


class AsteriskUnavailableError(Exception):
    """No Asterisk can be had on this machine; the message says why."""


@dataclass(frozen=True)
class AsteriskProgram:
    """Where ``scripts/asterisk_root.sh`` found or put it."""

    executable: str
    modules: str
    data: str
    version: str


@functools.cache
def find_asterisk() -> AsteriskProgram:
    """Find an Asterisk, or fetch one into the user's cache; raises AsteriskUnavailableError."""
    script = ROOT / "scripts" / "asterisk_root.sh"
    done = subprocess.run([script], capture_output=True, text=True, timeout=FETCH_DEADLINE_S, check=False)
    if done.returncode != 0:
        raise AsteriskUnavailableError(" / ".join(done.stderr.strip().splitlines()[-2:]))
    fields = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return AsteriskProgram(fields["asterisk"], fields["modules"], fields["data"], fields["version"])


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of loopback that nobody used a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_udp_range(count: int) -> int:
    """The first of ``count`` neighbouring UDP ports outside the range from which the system gives ports itself."""
    first = random.randrange(16_384, 32_000 - count, 2)
    with contextlib.ExitStack() as stack:
        for port in range(first, first + count):
            probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                break
        else:
            return first
    return free_udp_range(count)


class RealAsterisk:
    """One Asterisk process with the shipped configuration, in a folder of its own.

    ``async with RealAsterisk() as asterisk`` gives a switch that is fully booted. Its trunk leads to ``trunk_port`` of
    loopback, where ``Callees`` listens; ``trunk=False`` leaves the configuration exactly as shipped. ``settings`` are
    values for ``scripts/render_asterisk_conf.py`` on top of those that a test run needs.
    """

    ami_host = "127.0.0.1"
    ami_username = "opendeep"
    ami_secret = "test-ami-secret"
    phone_secret = "test-phone-secret"
    channel_template = "PJSIP/{number}@trunk"
    extension_template = "PJSIP/{number}"
    dialplan_template = "Local/{number}@opendeep-out/n"

    def __init__(self, *, trunk: bool = True, settings: Mapping[str, str] | None = None) -> None:
        self._settings = dict(settings or {})
        self.program = find_asterisk()
        self.directory = Path(tempfile.mkdtemp(prefix="opendeep-asterisk-"))
        self.ami_port = self.sip_port = self.trunk_port = self.rtp_first_port = 0
        self._process: subprocess.Popen[bytes] | None = None  # not asyncio's: it outlives the loop that started it
        self._trunk = trunk

    async def __aenter__(self) -> Self:
        try:
            await self._start_on_free_ports()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the process and remove its folder."""
        await self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ------------------------------------------------------------ the process

    async def start(self) -> None:
        """Start on the ports chosen before and wait until it is fully booted."""
        self._process = self._launch()
        async with asyncio.timeout(START_DEADLINE_S):
            while not await self._fully_booted():
                if self._process.poll() is not None:
                    raise AsteriskUnavailableError(f"Asterisk ended at once: {self.log()[-2_000:]}")
                await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """Let it hang up its calls and end; kill it when it takes too long. Without effect when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            await self._ended()
        except subprocess.TimeoutExpired:
            await self.kill()

    async def kill(self) -> None:
        """End it as a power failure would: no BYE, no event, sockets just gone."""
        assert self._process is not None
        self._process.kill()
        await self._ended()

    async def restart(self) -> None:
        """Stop if it runs, and start on the same ports."""
        await self.stop()
        await self.start()

    @property
    def pid(self) -> int:
        """The process id (for measuring what it costs)."""
        assert self._process is not None
        return self._process.pid

    # ------------------------------------------------------------ what a test does with it

    async def cli(self, command: str) -> str:
        """Run a console command and return what it printed."""
        process = await asyncio.create_subprocess_exec(
            self.program.executable, "-C", str(self.etc / "asterisk.conf"), "-rx", command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), CLI_DEADLINE_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return output.decode()

    async def configure_pjsip(self, text: str) -> None:
        """Append to ``pjsip.local.conf``, as a person does who adds a trunk, and let Asterisk read it."""
        with (self.etc / "pjsip.local.conf").open("a") as file:
            file.write(text)
        await self.cli("module reload res_pjsip.so")

    def log(self) -> str:
        """What Asterisk wrote to its log and console."""
        files = [self.directory / "log" / "messages", self.directory / "console"]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    # ------------------------------------------------------------ inside

    @property
    def etc(self) -> Path:
        """The folder of the rendered configuration."""
        return self.directory / "etc"

    async def _start_on_free_ports(self) -> None:
        for attempt in range(1, START_ATTEMPTS + 1):
            self._choose_ports()
            self._render()
            try:
                await self.start()
                return
            except (TimeoutError, AsteriskUnavailableError):
                await self.stop()
                if attempt == START_ATTEMPTS:
                    raise

    def _choose_ports(self) -> None:
        self.ami_port, self.sip_port = free_port(), free_port(socket.SOCK_DGRAM)
        self.trunk_port, self.rtp_first_port = free_udp_range(1), free_udp_range(RTP_PORTS)

    def _render(self) -> None:
        for name in ("etc", "var/keys", "spool", "run", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        values = {
            "MODULES_DIR": self.program.modules, "DATA_DIR": self.program.data, "VAR_DIR": self.directory / "var",
            "SPOOL_DIR": self.directory / "spool", "RUN_DIR": self.directory / "run", "LOG_DIR": self.directory / "log",
            "AMI_PORT": self.ami_port, "AMI_USERNAME": self.ami_username, "AMI_SECRET": self.ami_secret,
            "SIP_BIND": "127.0.0.1", "SIP_PORT": self.sip_port, "MEDIA_ADDRESS": "127.0.0.1", "BIND_RTP": "yes",
            "RTP_FIRST_PORT": self.rtp_first_port, "RTP_LAST_PORT": self.rtp_first_port + RTP_PORTS - 1,
            "PHONE_SECRET": self.phone_secret, **self._settings,
        }  # fmt: skip
        arguments = [argument for name, value in values.items() for argument in ("--set", f"{name}={value}")]
        script = ROOT / "scripts" / "render_asterisk_conf.py"
        subprocess.run([sys.executable, script, self.etc, *arguments], check=True, capture_output=True, text=True)
        local = LOCAL_PJSIP.format(trunk_port=self.trunk_port) if self._trunk else ""
        (self.etc / "pjsip.local.conf").write_text(local)

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [self.program.executable, "-f", "-n", "-C", str(self.etc / "asterisk.conf")]
        with (self.directory / "console").open("ab") as console:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, cwd=self.directory
            )

    async def _ended(self) -> None:
        """Wait for the end of the process; raises subprocess.TimeoutExpired."""
        assert self._process is not None
        await asyncio.to_thread(self._process.wait, STOP_DEADLINE_S)

    async def _fully_booted(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(self.ami_host, self.ami_port)
        except OSError:
            return False
        try:
            login = f"Action: Login\r\nUsername: {self.ami_username}\r\nSecret: {self.ami_secret}\r\n\r\n"
            writer.write(login.encode())
            async with asyncio.timeout(START_DEADLINE_S):
                await reader.readuntil(b"Event: FullyBooted")
            return True
        except (OSError, EOFError):
            return False
        finally:
            writer.close()


class SippCallee:
    """SIPp as a callee on a port of its own. ``scenario`` names a file in ``tests/support/sipp``.

    answer (rings 300 ms, answers, echoes sound, waits for our BYE) · answer_late (rings ``talk_ms``) · early_media (183
    first) · hang_up (after ``talk_ms``) · reject (after ringing) · reject_at_once · ring (for ever). ``status`` belongs
    to the two rejects. ``trace`` is a file for one line per SIP message; it is complete after the end.
    """

    def __init__(
        self, scenario: str, *, status: str = "486 Busy Here", talk_ms: int = 500, trace: Path | None = None
    ) -> None:
        self.sip_port = 0
        self._scenario, self._status, self._talk_ms = scenario, status, talk_ms
        self._trace = ["-trace_shortmsg", "-shortmessage_file", str(trace)] if trace else []
        self._directory = Path(tempfile.mkdtemp(prefix="opendeep-sipp-"))
        self._process: asyncio.subprocess.Process | None = None

    @staticmethod
    def available() -> bool:
        """Whether SIPp is installed (Debian and Ubuntu: package sip-tester)."""
        return shutil.which("sipp") is not None

    async def __aenter__(self) -> Self:
        text = (SIPP_SCENARIOS / f"{self._scenario}.xml").read_text().replace("@STATUS@", self._status)
        file = self._directory / "scenario.xml"
        file.write_text(text)
        self.sip_port, media_port = free_port(socket.SOCK_DGRAM), free_udp_range(4)
        with (self._directory / "output").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                "sipp", "-sf", str(file), "-i", "127.0.0.1", "-p", str(self.sip_port), "-mi", "127.0.0.1",
                "-mp", str(media_port), "-d", str(self._talk_ms), "-rtp_echo", "-nostdin", "-l", "1000", "-aa",
                *self._trace,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=self._directory,
            )  # fmt: skip
        async with asyncio.timeout(START_DEADLINE_S):
            while not self._listens():
                if self._process.returncode is not None:
                    raise RuntimeError(f"SIPp ended at once: {(self._directory / 'output').read_text()[-2_000:]}")
                await asyncio.sleep(POLL_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate() if self._trace else self._process.kill()  # only the first writes the trace out
            await self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", self.sip_port))
            except OSError:
                return True
        return False
