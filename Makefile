# Everything a developer does here, each in one word.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
ERRCHECK    = github.com/kisielk/errcheck@v1.30.0
HEY         = github.com/rakyll/hey@v0.1.5
FUZZTIME   ?= 10s
SCHEDULES  ?= 20000
SEED       ?= 1
DIALECT    ?= endpointinfo

.PHONY: build test check demo bench soak mutants fuzz golden clean

build: ## the program, as bin/sftctl
	go build -trimpath -o bin/sftctl .

test: ## all tests, with the race detector; then some of the battery and the biggest fleets without it, several times as fast
	go test -race -timeout 20m -parallel 4 ./... # some wait for a pace, and leave the processor to others
	go test -run 'Battery|TestScripts/^(demo|roundtrip)$$' ./pkg/cli -schedules 1000

check: ## format and linters; nothing may be found
	@test -z "$$(gofmt -l .)" || { echo "gofmt:"; gofmt -l .; exit 1; }
	go vet ./...
	go vet -tags mutants ./pkg/cli
	go run $(STATICCHECK) ./...
	go run $(ERRCHECK) -exclude .errcheck ./...

demo: build ## the main job on 11,008 real sites, against a simulated platform that speaks DIALECT
	./samples/demo.sh bin/sftctl --dialect $(DIALECT)

bench: build ## speed and memory, and the onboarding against a plain load generator
	go test -run '^$$' -bench . -benchmem -benchtime 3x ./pkg/...
	GOBIN=$(CURDIR)/bin go install $(HEY)
	go test -run '^$$' -bench 'Onboard|Paced|Journal' -benchtime 1x ./pkg/cli -hey $(CURDIR)/bin/hey -sftctl $(CURDIR)/bin/sftctl

soak: ## SCHEDULES random schedules of the reliability battery from number SEED, all pairs of faults, all crash points
	go test -run Battery -timeout 0 -v ./pkg/cli -schedules $(SCHEDULES) -seed $(SEED)

mutants: ## plant bugs, one at a time, and see whether the schedules find them
	go test -tags mutants -run TestMutants -timeout 0 -v ./pkg/cli

fuzz: ## every fuzz target for FUZZTIME
	@set -e; grep -rl '^func Fuzz' --include='*_test.go' pkg | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' $$file); do \
			echo "== $$target in $$file"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file); \
		done; \
	done

golden: ## write the golden files, the reference and the manual pages anew; read the difference before you commit it
	go test ./pkg/manifest ./pkg/report -update
	go test ./pkg/cli -run TestReference -update

clean: ## what building, running and testing leave behind
	rm -rf bin dist
	find plans -name '*.plan' ! -name example.plan -delete
	find reports -mindepth 1 -maxdepth 1 -type d ! -name example -exec rm -rf {} +
