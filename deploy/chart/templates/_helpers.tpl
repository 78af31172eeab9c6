{{- /* Names. Of a release with the chart's name in its own, as `shopstream`, the name is not said twice. */ -}}
{{- define "shopstream.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name $name) }}{{ $name = printf "%s-%s" $name .Chart.Name }}{{ end -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "shopstream.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "shopstream.name" .) -}}
{{- end -}}

{{- /* Labels by which the pods of one kind are selected: (list $ "worker"). They never change. */ -}}
{{- define "shopstream.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- /* Labels of an object: (list $ "worker"). */ -}}
{{- define "shopstream.labels" -}}
{{- $root := index . 0 -}}
{{ include "shopstream.selector" . }}
{{- with $root.Values.image.tag | default $root.Chart.AppVersion }}
app.kubernetes.io/version: {{ trunc 63 . | trimSuffix "." | trimSuffix "-" | trimSuffix "_" | quote }}
{{- end }}
app.kubernetes.io/part-of: {{ $root.Chart.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "shopstream.image" -}}
{{- $why := "image.repository is missing: the name of the image that you have built and pushed, as --set image.repository=YOUR.REGISTRY/shopstream" -}}
{{- $name := required $why .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $name }}@{{ .Values.image.digest }}
{{- else if or .Values.image.tag (ne .Chart.AppVersion "0.0.0") -}}
{{ $name }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- else -}}
{{- fail "image.tag is missing: the tag of your image, as --set-string image.tag=1.2.3; or its digest as image.digest" -}}
{{- end -}}
{{- end -}}

{{- /* The URL under which sellers reach the public port. */ -}}
{{- define "shopstream.url" -}}
{{- if .Values.gateway.url -}}
{{ .Values.gateway.url }}
{{- else if .Values.ingress.enabled -}}
https://{{ .Values.ingress.host }}
{{- end -}}
{{- end -}}

{{- /* Refuses what the schema can't tell. */ -}}
{{- define "shopstream.check" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host is missing: the host name that TikTok and sellers use, as --set ingress.host=shops.example.com; or set ingress.enabled=false" -}}
{{- end -}}
{{- if gt (int .Values.scaling.minReplicas) (int .Values.scaling.maxReplicas) -}}
{{- fail (printf "scaling.minReplicas is %d and scaling.maxReplicas is %d: raise the second, or lower the first" (int .Values.scaling.minReplicas) (int .Values.scaling.maxReplicas)) -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if hasPrefix "SHOPSTREAM_" .name -}}
{{- fail (printf "extraEnv has %s: put settings under settings, worker.settings or gateway.settings, and secrets into the Secret" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A number as it was written. Helm would print 1000000 as 1e+06. */ -}}
{{- define "shopstream.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}
