"""What ``cortex-otel doctor`` says, in English and Korean; part of :mod:`cortex_otel.messages`.

Longer than other files: a line for each text, twice.
"""

from __future__ import annotations

__all__ = ["ENGLISH", "KOREAN"]

ENGLISH = {
    "help_doctor": "say what keeps calls from being recorded, and what to do about it",
    "help_target": "a server's command line, behind --; without one this installation is checked",
    "help_timeout": "how long the server, or a check, may take to answer; seconds (30)",
    "doctor_examples": (
        "examples:\n"
        "  cortex-otel doctor                                     check this installation\n"
        "  cortex-otel doctor -- uvx mcp-server-git               check a server\n"
        "  cortex-otel doctor -- opentelemetry-instrument python server.py\n\n"
        "The server is started and asked for its tools; no tool is called. Your data stays as it\n"
        "is, and secrets are masked: the report can be pasted into an issue."
    ),
    "doctor_level_ok": "ok",
    "doctor_level_warning": "warning",
    "doctor_level_problem": "problem",
    "doctor_verdict": "{problems} problem(s), {warnings} warning(s).",
    "doctor_trying": "Sending a span, an event and a metric into a throw-away store …",
    "doctor_asking": "Asking {command} …",
    "doctor_starting": "Starting {command} …",
    # The installation
    "doctor_versions": "cortex-otel {ours}, SDK {sdk}, SQLite {sqlite}, Python {python}",
    "doctor_setting": "{said}: correct or unset it",
    "doctor_off": "recording is switched off by {by}: change it to record",
    "doctor_settings": "settings make sense, and recording is on",
    "doctor_config_file": (
        "OTEL_CONFIG_FILE is set and not followed: use CORTEX_OTEL_* variables, or unset it"
    ),
    "doctor_content": (
        "CORTEX_OTEL_CAPTURE_CONTENT is on: arguments and results are stored as they are; "
        "unset it outside development"
    ),
    "doctor_one_distro": "no other OpenTelemetry distro is installed",
    "doctor_two_distros": (
        "other distros are installed too ({others}); cortex-otel wins, since nothing else is "
        "chosen: set OTEL_PYTHON_DISTRO=cortex to be sure"
    ),
    "doctor_other_distro_chosen": (
        "OTEL_PYTHON_DISTRO={chosen} wins over cortex-otel: set OTEL_PYTHON_DISTRO=cortex"
    ),
    "doctor_exporters": "no OTEL_*_EXPORTER sends anything elsewhere",
    "doctor_console": (
        "{setting} writes to stdout, where an MCP server speaks, so cortex-otel doesn't start it: "
        "unset it"
    ),
    "doctor_not_followed": (
        "{setting} is not followed, data stays on this machine: unset it, or set "
        "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true"
    ),
    "doctor_followed": "{setting} is followed, as you allowed",
    "doctor_otlp": "{setting} is followed, as you allowed; {endpoint} answers",
    "doctor_otlp_closed": (
        "{setting} is followed, but nothing answers at {endpoint}, so what should be sent is "
        "counted as lost: start a collector there, or unset CORTEX_OTEL_ALLOW_OTHER_EXPORTERS"
    ),
    "doctor_endpoint": "redacted copies go to {endpoint}, as you set; it takes them",
    "doctor_endpoint_closed": (
        "nothing answers at {endpoint} (CORTEX_OTEL_OTLP_ENDPOINT), so what should be sent is "
        "counted as lost: start a collector there, or unset it"
    ),
    "doctor_endpoint_tls": (
        "no TLS connection to {endpoint} (CORTEX_OTEL_OTLP_ENDPOINT), so what should be sent is "
        "counted as lost: use http:// if it has none, or a certificate that this machine trusts"
    ),
    "doctor_endpoint_forbidden": (
        "{endpoint} (CORTEX_OTEL_OTLP_ENDPOINT) refuses the request (401 or 403), so what should "
        "be sent is counted as lost: put its key into the file of CORTEX_OTEL_OTLP_HEADERS_FILE"
    ),
    "doctor_endpoint_not_found": (
        "{endpoint} has no /v1/traces under CORTEX_OTEL_OTLP_ENDPOINT (404), so what should be "
        "sent is counted as lost: give the address of a collector's OTLP/HTTP receiver"
    ),
    "doctor_endpoint_refuses": (
        "{endpoint} (CORTEX_OTEL_OTLP_ENDPOINT) does not take OTLP/HTTP ({said}), so what should "
        "be sent is counted as lost: see the log of the collector there"
    ),
    "doctor_endpoint_missing": (
        "CORTEX_OTEL_OTLP_ENDPOINT is set, but its packages are missing, so nothing is sent: "
        "{install}"
    ),
    "doctor_raw": (
        "CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA is on: other exporters get arguments, "
        "messages and user ids as they are; unset it outside development"
    ),
    # The directory and the database
    "doctor_home": "{path} is writable",
    "doctor_home_none_yet": "{path} can be made when something is recorded",
    "doctor_home_unwritable": (
        "{path} can't be written to ({why}): correct its permissions, or set CORTEX_OTEL_HOME"
    ),
    "doctor_other_owner": "{path} belongs to another user: record as that user, or chown it",
    "doctor_open_to_others": "{path} is open to other users (mode {mode}): chmod go= {path}",
    "doctor_space": "{megabytes} MB free on the disk",
    "doctor_little_space": "only {megabytes} MB free on the disk: make room",
    "doctor_no_database": "no database at {path} yet: it is made when something is recorded",
    "doctor_database": "{said}",
    "doctor_database_whole": "{path} is whole",
    "doctor_database_large": "{path} can be read; too large to be checked whole in 5 s",
    "doctor_transaction": "a transaction can be written there (it was taken back)",
    "doctor_transaction_failed": (
        "no transaction can be written to {path} ({why}): see who holds it, and its permissions"
    ),
    "doctor_writer_trouble": "process {pid} can't store ({why}): see cortex-otel status",
    "doctor_writer_dropped": "process {pid} lost records ({reasons}): see cortex-otel status",
    "doctor_writer_faults": (
        "process {pid} had faults of telemetry itself ({places}): report them as an issue"
    ),
    # The round trip
    "doctor_trip": "a synthetic {signal} came through: instrument → process → queue → writer → "
    "database → view",
    "doctor_trip_failed": "the round trip could not be made ({said}): reinstall cortex-otel",
    "doctor_trip_broken": (
        "a synthetic {signal} was lost at the hop “{hop}” ({why}): report it with these lines"
    ),
    # The target
    "doctor_target_node": "{program} runs JavaScript, not Python: cortex-otel can't record there",
    "doctor_target_container": (
        "{program} starts a container: install cortex-otel in its image and run the doctor there"
    ),
    "doctor_target_shell": "{program} is a shell: give the doctor the command that it runs",
    "doctor_target_program": "{program} is no Python program: cortex-otel can't record there",
    "doctor_target_missing": "there is no program {program}: check its name, or install it",
    "doctor_target_unreadable": "{program} can't be run by you: check its permissions",
    "doctor_target_pipx": (
        "pipx run makes an environment of its own, without cortex-otel; type: {instead}"
    ),
    "doctor_python_fails": (
        "the Python of the server does not start ({said}): try it yourself: {command}"
    ),
    "doctor_target_python": "runs in Python {version}, environment {prefix}",
    "doctor_python_too_old": "Python {version} is too old for cortex-otel: use 3.11 or newer",
    "doctor_mcp": "{name} {version} is supported",
    "doctor_no_mcp": "no mcp or fastmcp is installed there: only your own spans are recorded",
    "doctor_old_mcp": "{name} {version} is too old: install mcp 1.10 or fastmcp 2, or newer",
    "doctor_in_environment": "cortex-otel {version} is installed there",
    "doctor_not_in_environment": (
        "cortex-otel is not installed in {prefix}; type: {install} and then: {instead}"
    ),
    "doctor_not_in_environment_uv": "cortex-otel is not in {prefix}; type: {instead}",
    "doctor_not_brought_along": "cortex-otel is not in {prefix}: add {option}",
    "doctor_isolated": "{flag} keeps the launcher out of Python; type: {instead}",
    "doctor_no_launcher": (
        "not behind opentelemetry-instrument, so only code that calls cortex_otel.configure() "
        "records; type: {instead}"
    ),
    "doctor_launcher_reaches": "opentelemetry-instrument switches cortex-otel on there",
    "doctor_hook_disabled": (
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names cortex_mcp, so only tools under "
        "@instrument_tool are recorded: take it out"
    ),
    "doctor_launcher_fails": (
        "Python does not start behind the launcher ({said}): try it yourself: {command}"
    ),
    "doctor_launcher_without_us": (
        "behind opentelemetry-instrument cortex-otel stays off in {prefix}: "
        "run cortex-otel doctor there, without a command"
    ),
    "doctor_launcher_elsewhere": (
        "opentelemetry-instrument does not reach {prefix}: it must run inside that environment"
    ),
    "doctor_order": (
        "tool {tool} ({where}): @instrument_tool stands above @mcp.tool(), so the names and "
        "types of its parameters are not recorded (nor its calls where no MCP server is hooked): "
        "put it directly on the function"
    ),
    "doctor_async_generator": (
        "tool {tool} ({where}) is an async generator, which MCP servers don't send as a stream: "
        "return a value"
    ),
    "doctor_tools_read": "{count} tool(s) read in {file}",
    # The server
    "doctor_server_not_started": "the server does not start ({said}): try it yourself",
    "doctor_server_answers": "{name} answered initialize after {seconds} s",
    "doctor_server_tools": "it offers {count} tool(s); none was called",
    "doctor_server_no_tools": "it did not answer tools/list: check that it has tools",
    "doctor_server_died": (
        "the server ended (code {code}) before it answered; its last line: {said} — "
        "start it yourself to see more"
    ),
    "doctor_server_silent": (
        "no answer to initialize over stdio in {seconds} s; its last line: {said} — "
        "is it an HTTP server? else give a longer --timeout"
    ),
    "doctor_server_exits": "it ended {seconds} s after stdin was closed",
    "doctor_server_slow_exit": (
        "it took {seconds} s to end after stdin was closed; clients send SIGTERM after 2 s: look "
        "for exporters and threads that wait at exit"
    ),
    "doctor_server_stays": (
        "it still ran {seconds} s after stdin was closed and was ended: clients do so after 2 s; "
        "look for threads that never end"
    ),
    "doctor_server_stdout": (
        "{count} line(s) on stdout were no JSON-RPC (first: {first}): print to stderr"
    ),
    "doctor_server_order": (
        "tool {tool}: @instrument_tool stands above @mcp.tool(), so the names and "
        "types of its parameters are not recorded (nor its calls where no MCP server is hooked): "
        "put it directly on the function"
    ),
    "doctor_server_sitecustomize": (
        "the launcher could not load in the server's Python: run it inside that environment"
    ),
    "doctor_server_store": "what the server recorded can't be read: {said}",
    "doctor_server_faults": "telemetry failed in the server ({said}): report it as an issue",
    "doctor_server_recorded": "{count} record(s) of this handshake were stored",
    "doctor_provider_own": "OpenTelemetry's providers are cortex-otel's: the server sets none",
    "doctor_provider_joined": (
        "the server has an OpenTelemetry provider of its own for {signal}, and cortex-otel has "
        "joined it: both get all"
    ),
    "doctor_provider_mirrored": (
        "the server has a provider of its own for {signal}, of another make than OpenTelemetry's; "
        "cortex-otel follows its spans: both get all"
    ),
    "doctor_provider_apart": (
        "the server has a provider of its own for {signal} that can't be joined: what it gets is "
        "not in the local store, and what cortex-otel records does not reach it; let it be one of "
        "OpenTelemetry's SDK"
    ),
    "doctor_server_recorded_nothing": (
        "recording is on, but this handshake left no record: the server answers without mcp or "
        "fastmcp, so only tools under @instrument_tool are recorded"
    ),
    "doctor_server_maybe_recorded": (
        "no record of this handshake: start it behind opentelemetry-instrument, or, if its code "
        "calls cortex_otel.configure(), call a tool, then: cortex-otel tail"
    ),
    "doctor_server_not_recorded": "nothing was recorded: do what the lines above say",
}

KOREAN = {
    "help_doctor": "호출이 기록되지 않는 이유와 해결 방법 표시",
    "help_target": "-- 뒤에 서버 실행 명령, 없으면 이 설치 점검",
    "help_timeout": "서버 또는 점검의 응답 제한 시간, 초 (30)",
    "doctor_examples": (
        "사용 예:\n"
        "  cortex-otel doctor                                     이 설치 점검\n"
        "  cortex-otel doctor -- uvx mcp-server-git               서버 점검\n"
        "  cortex-otel doctor -- opentelemetry-instrument python server.py\n\n"
        "서버를 실행해 도구 목록만 묻고 도구는 호출하지 않음. 데이터는 그대로이며\n"
        "비밀 값은 가려지므로 결과를 이슈에 그대로 붙여 넣어도 됨."
    ),
    "doctor_level_ok": "정상",
    "doctor_level_warning": "주의",
    "doctor_level_problem": "문제",
    "doctor_verdict": "문제 {problems}개, 주의 {warnings}개.",
    "doctor_trying": "임시 저장소에 스팬, 이벤트, 메트릭 보내는 중 …",
    "doctor_asking": "확인 중: {command} …",
    "doctor_starting": "시작 중: {command} …",
    # The installation
    "doctor_versions": "cortex-otel {ours}, SDK {sdk}, SQLite {sqlite}, Python {python}",
    "doctor_setting": "{said}: 값을 고치거나 설정 해제",
    "doctor_off": "기록 꺼짐: {by} (기록하려면 변경)",
    "doctor_settings": "설정 정상, 기록 켜짐",
    "doctor_config_file": (
        "OTEL_CONFIG_FILE 설정은 쓰이지 않음: CORTEX_OTEL_* 변수를 쓰거나 설정 해제"
    ),
    "doctor_content": (
        "CORTEX_OTEL_CAPTURE_CONTENT 켜짐: 인수와 결과가 그대로 저장됨, 개발용이 아니면 설정 해제"
    ),
    "doctor_one_distro": "다른 OpenTelemetry 배포판 없음",
    "doctor_two_distros": (
        "다른 배포판도 설치됨 ({others}), 지정이 없어 cortex-otel 우선: "
        "확실히 하려면 OTEL_PYTHON_DISTRO=cortex 설정"
    ),
    "doctor_other_distro_chosen": (
        "OTEL_PYTHON_DISTRO={chosen} 설정이 cortex-otel보다 우선: OTEL_PYTHON_DISTRO=cortex 설정"
    ),
    "doctor_exporters": "다른 곳으로 보내는 OTEL_*_EXPORTER 없음",
    "doctor_console": (
        "{setting}: MCP 서버가 쓰는 stdout에 출력하므로 cortex-otel이 시작하지 않음, 설정 해제"
    ),
    "doctor_not_followed": (
        "{setting}: 쓰이지 않음, 데이터는 이 컴퓨터에 남음 (설정 해제 또는 "
        "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true)"
    ),
    "doctor_followed": "{setting}: 허용되어 쓰임",
    "doctor_otlp": "{setting}: 허용되어 쓰임, {endpoint} 응답함",
    "doctor_otlp_closed": (
        "{setting}: 허용되었지만 {endpoint} 응답 없음, 보낼 기록은 전송 실패로 집계됨: 수집기를 "
        "시작하거나 CORTEX_OTEL_ALLOW_OTHER_EXPORTERS 해제"
    ),
    "doctor_endpoint": "설정에 따라 개인정보를 지운 사본을 {endpoint} 주소로 전송, 수신 확인됨",
    "doctor_endpoint_closed": (
        "{endpoint} 응답 없음 (CORTEX_OTEL_OTLP_ENDPOINT), 보낼 기록은 전송 실패로 집계됨: "
        "수집기를 시작하거나 설정 해제"
    ),
    "doctor_endpoint_tls": (
        "{endpoint} TLS 연결 실패 (CORTEX_OTEL_OTLP_ENDPOINT), 보낼 기록은 전송 실패로 집계됨: "
        "TLS가 없으면 http:// 사용, 있으면 이 컴퓨터가 신뢰하는 인증서 사용"
    ),
    "doctor_endpoint_forbidden": (
        "{endpoint} 요청 거부 (401 또는 403, CORTEX_OTEL_OTLP_ENDPOINT), 보낼 기록은 전송 실패로 "
        "집계됨: CORTEX_OTEL_OTLP_HEADERS_FILE 파일에 키 입력"
    ),
    "doctor_endpoint_not_found": (
        "{endpoint}: CORTEX_OTEL_OTLP_ENDPOINT 아래에 /v1/traces 없음 (404), 보낼 기록은 전송 "
        "실패로 집계됨: 수집기의 OTLP/HTTP 수신 주소 사용"
    ),
    "doctor_endpoint_refuses": (
        "{endpoint} OTLP/HTTP 수신 거부 ({said}, CORTEX_OTEL_OTLP_ENDPOINT), 보낼 기록은 전송 "
        "실패로 집계됨: 그 수집기의 로그 확인"
    ),
    "doctor_endpoint_missing": (
        "CORTEX_OTEL_OTLP_ENDPOINT 설정됨, 필요한 패키지가 없어 아무것도 전송되지 않음: {install}"
    ),
    "doctor_raw": (
        "CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA 켜짐: 다른 내보내기에 인수, 메시지, "
        "사용자 ID 원본이 전달됨, 개발용이 아니면 설정 해제"
    ),
    # The directory and the database
    "doctor_home": "쓸 수 있는 디렉터리: {path}",
    "doctor_home_none_yet": "기록 시 만들 수 있는 디렉터리: {path}",
    "doctor_home_unwritable": (
        "쓸 수 없는 디렉터리: {path} ({why}), 권한을 고치거나 CORTEX_OTEL_HOME 변경"
    ),
    "doctor_other_owner": "다른 사용자 소유: {path} (그 사용자로 기록하거나 chown)",
    "doctor_open_to_others": "다른 사용자에게 열려 있음: {path} (모드 {mode}): chmod go= {path}",
    "doctor_space": "디스크 여유 공간 {megabytes} MB",
    "doctor_little_space": "디스크 여유 공간 부족: {megabytes} MB (공간 확보)",
    "doctor_no_database": "아직 데이터베이스 없음: {path} (기록 시 생성)",
    "doctor_database": "{said}",
    "doctor_database_whole": "온전한 데이터베이스: {path}",
    "doctor_database_large": "읽을 수 있는 데이터베이스: {path} (커서 5초 안에 전체 점검 불가)",
    "doctor_transaction": "트랜잭션 쓰기 가능 (되돌림)",
    "doctor_transaction_failed": ("트랜잭션 쓰기 불가: {path} ({why}), 잠근 프로세스와 권한 확인"),
    "doctor_writer_trouble": "프로세스 {pid} 저장 불가 ({why}): cortex-otel status 확인",
    "doctor_writer_dropped": "프로세스 {pid} 기록 손실 ({reasons}): cortex-otel status 확인",
    "doctor_writer_faults": "프로세스 {pid} 텔레메트리 자체 오류 ({places}): 이슈로 보고",
    # The round trip
    "doctor_trip": "시험용 {signal} 도착: instrument → process → queue → writer → database → view",
    "doctor_trip_failed": "왕복 시험 불가 ({said}): cortex-otel 다시 설치",
    "doctor_trip_broken": "시험용 {signal} 유실, 구간: “{hop}” ({why}), 이 내용과 함께 보고",
    # The target
    "doctor_target_node": "{program}: Python이 아닌 JavaScript, cortex-otel 기록 불가",
    "doctor_target_container": (
        "{program}: 컨테이너 실행, 이미지 안에 cortex-otel 설치 후 그 안에서 doctor 실행"
    ),
    "doctor_target_shell": "{program}: 셸, 셸이 실행하는 명령을 직접 지정",
    "doctor_target_program": "{program}: Python 프로그램이 아님, cortex-otel 기록 불가",
    "doctor_target_missing": "없는 프로그램: {program} (이름을 확인하거나 설치)",
    "doctor_target_unreadable": "실행할 수 없는 프로그램: {program} (권한 확인)",
    "doctor_target_pipx": "pipx run 전용 환경에 cortex-otel 없음, 입력할 명령: {instead}",
    "doctor_python_fails": "서버의 Python 시작 실패 ({said}), 직접 확인: {command}",
    "doctor_target_python": "Python {version}, 환경: {prefix}",
    "doctor_python_too_old": "Python {version}: cortex-otel에는 3.11 이상 필요",
    "doctor_mcp": "지원되는 버전: {name} {version}",
    "doctor_no_mcp": "mcp 또는 fastmcp 없음: 직접 만든 스팬만 기록됨",
    "doctor_old_mcp": "너무 오래된 {name} {version}: mcp 1.10 또는 fastmcp 2 이상 설치",
    "doctor_in_environment": "cortex-otel {version} 설치됨",
    "doctor_not_in_environment": (
        "cortex-otel 없음: {prefix}, 먼저 입력: {install} 다음 입력: {instead}"
    ),
    "doctor_not_in_environment_uv": "cortex-otel 없음: {prefix}, 입력할 명령: {instead}",
    "doctor_not_brought_along": "cortex-otel 없음: {prefix} ({option} 추가)",
    "doctor_isolated": "{flag}: 런처가 Python에 들어갈 수 없음, 입력할 명령: {instead}",
    "doctor_no_launcher": (
        "opentelemetry-instrument 없이 실행, cortex_otel.configure() 코드만 기록함, "
        "입력할 명령: {instead}"
    ),
    "doctor_launcher_reaches": "opentelemetry-instrument로 cortex-otel 켜짐",
    "doctor_hook_disabled": (
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS에 cortex_mcp가 있어 @instrument_tool을 붙인 "
        "도구만 기록됨: 목록에서 제거"
    ),
    "doctor_launcher_fails": "런처로 Python 시작 실패 ({said}), 직접 확인: {command}",
    "doctor_launcher_without_us": (
        "opentelemetry-instrument로도 cortex-otel 꺼짐: {prefix} "
        "(그 환경에서 명령 없이 cortex-otel doctor 실행)"
    ),
    "doctor_launcher_elsewhere": (
        "opentelemetry-instrument가 닿지 않는 환경: {prefix} (그 환경 안의 런처로 실행)"
    ),
    "doctor_order": (
        "도구 {tool} ({where}): @instrument_tool 위치가 @mcp.tool() 위라서 매개변수의 "
        "이름과 타입이 기록되지 않음 (MCP 서버 훅이 없으면 호출도), 함수 바로 위로 이동"
    ),
    "doctor_async_generator": (
        "도구 {tool} ({where}): 비동기 제너레이터, MCP 서버는 스트림으로 보내지 않음, 값을 반환"
    ),
    "doctor_tools_read": "{file}: 도구 {count}개 확인",
    # The server
    "doctor_server_not_started": "서버 시작 실패 ({said}): 직접 실행해 확인",
    "doctor_server_answers": "{name}: {seconds}초 뒤 initialize 응답",
    "doctor_server_tools": "도구 {count}개, 호출하지 않음",
    "doctor_server_no_tools": "tools/list 응답 없음: 서버에 도구가 있는지 확인",
    "doctor_server_died": (
        "서버가 응답 전에 종료됨 (코드 {code}), 마지막 출력: {said} — 직접 실행해 확인"
    ),
    "doctor_server_silent": (
        "{seconds}초 안에 stdio initialize 응답 없음, 마지막 출력: {said} — "
        "HTTP 서버인지 확인, 아니면 더 긴 --timeout 지정"
    ),
    "doctor_server_exits": "stdin을 닫고 {seconds}초 뒤 종료됨",
    "doctor_server_slow_exit": (
        "stdin을 닫고 {seconds}초 뒤 종료됨, 클라이언트는 2초 뒤 SIGTERM 전송: "
        "종료 시 기다리는 내보내기와 스레드 확인"
    ),
    "doctor_server_stays": (
        "stdin을 닫고 {seconds}초 뒤에도 실행 중이라 종료시킴, 클라이언트는 2초 뒤에 그렇게 함: "
        "끝나지 않는 스레드 확인"
    ),
    "doctor_server_stdout": (
        "stdout에 JSON-RPC가 아닌 줄 {count}개 (첫 줄: {first}): stderr로 출력"
    ),
    "doctor_server_order": (
        "도구 {tool}: @instrument_tool 위치가 @mcp.tool() 위라서 매개변수의 이름과 타입이 기록되지 "
        "않음 (MCP 서버 훅이 없으면 호출도), 함수 바로 위로 이동"
    ),
    "doctor_server_sitecustomize": "서버의 Python에서 런처를 불러올 수 없음: 그 환경의 런처로 실행",
    "doctor_server_store": "서버가 기록한 내용을 읽을 수 없음: {said}",
    "doctor_server_faults": "서버 안의 텔레메트리 오류 ({said}): 이슈로 보고",
    "doctor_server_recorded": "이번 연결의 기록 {count}개 저장됨",
    "doctor_provider_own": "서버에 자체 OpenTelemetry 프로바이더 없음: cortex-otel의 것을 사용",
    "doctor_provider_joined": (
        "서버의 자체 {signal} 프로바이더에 cortex-otel이 합류함: 양쪽 모두 전부 받음"
    ),
    "doctor_provider_mirrored": (
        "서버의 자체 {signal} 프로바이더는 OpenTelemetry SDK의 것이 아님: 스팬을 따라 기록하여 "
        "양쪽 모두 전부 받음"
    ),
    "doctor_provider_apart": (
        "서버의 자체 {signal} 프로바이더에 합류할 수 없음: 그쪽 기록은 로컬 저장소에 없고 "
        "cortex-otel의 기록은 그쪽에 없음, OpenTelemetry SDK의 프로바이더를 쓸 것"
    ),
    "doctor_server_recorded_nothing": (
        "기록은 켜져 있지만 이번 연결의 기록 없음: 서버가 mcp나 fastmcp 없이 응답하므로 "
        "@instrument_tool을 붙인 도구만 기록됨"
    ),
    "doctor_server_maybe_recorded": (
        "이번 연결의 기록 없음: opentelemetry-instrument로 시작, 또는 코드에서 "
        "cortex_otel.configure()를 쓴다면 도구를 호출한 뒤 cortex-otel tail 확인"
    ),
    "doctor_server_not_recorded": "기록된 것 없음: 위의 안내대로 변경",
}
